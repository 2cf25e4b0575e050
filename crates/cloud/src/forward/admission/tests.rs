//! Hazard: messages reach the broker too late to be answered, and take the places of those
//! that would not. Brokers with a virtual clock, a millisecond a step.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::random::Sequence;

const DEADLINE: Duration = Duration::from_millis(1_500);
const WINDOW: usize = 1_024;
const DEVICES: usize = 20;

/// When a broker acknowledges a message that it gets now, by the step that it is and by
/// when it acknowledges the one before; not at all in its silence.
type Broker = Box<dyn FnMut(u64, u64) -> u64>;

/// It takes so many at once, and keeps each for a time that may change.
fn holding(mut hold: impl FnMut(u64) -> u64 + 'static) -> Broker {
    Box::new(move |now, before| (now + hold(now)).max(before))
}

/// It serves one after the other, so many a second.
fn serving(rate: impl Fn(u64) -> u64 + 'static) -> Broker {
    let mut last_us = 0;
    Box::new(move |now, _| {
        last_us = u64::max(last_us, now * 1_000) + 1_000_000 / rate(now);
        last_us.div_ceil(1_000)
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Taken,
    Refused(Refusal),
    /// Refused, though the broker has it.
    Late,
}

/// What became of the messages, with the time and the device of each.
#[derive(Default)]
struct Account {
    fates: Vec<(u64, usize, Fate)>,
    published: usize,
    acknowledged: usize,
}

impl Account {
    fn count(&self, such: impl Fn(u64, usize, Fate) -> bool) -> usize {
        self.fates.iter().filter(|(time, device, fate)| such(*time, *device, *fate)).count()
    }

    fn taken(&self) -> usize {
        self.count(|_, _, fate| fate == Fate::Taken)
    }

    fn late(&self) -> usize {
        self.count(|_, _, fate| fate == Fate::Late)
    }
}

struct Scene {
    admission: Admission<(u64, usize)>,
    start: Instant,
    step: u64,
    broker: Broker,
    /// Published, and when it will be acknowledged.
    at_broker: VecDeque<(u64, u64)>,
    /// Submitted, by ticket: when, by whom, and whether it is published.
    open: BTreeMap<u64, (u64, usize, bool)>,
    account: Account,
}

impl Scene {
    fn new(takes: usize, broker: Broker) -> Self {
        let mut admission = Admission::new(WINDOW, DEADLINE);
        admission.handle_connected(takes);
        Self {
            admission,
            start: Instant::now(),
            step: 0,
            broker,
            at_broker: VecDeque::new(),
            open: BTreeMap::new(),
            account: Account::default(),
        }
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.step)
    }

    fn post(&mut self, device: usize) {
        let (now, name) = (self.now(), device.to_string());
        match self.admission.check(now, &name) {
            Ok(()) => {
                let (ticket, _) = self.admission.submit(now, &name, (self.step, device));
                self.open.insert(ticket, (self.step, device, false));
            }
            Err(why) => self.account.fates.push((self.step, device, Fate::Refused(why))),
        }
    }

    /// A millisecond passes.
    fn pass(&mut self) {
        self.step += 1;
        let now = self.now();
        while let Some((ticket, _)) =
            self.at_broker.pop_front_if(|(_, acknowledged)| *acknowledged <= self.step)
        {
            self.admission.handle_acknowledged(now, ticket);
            self.account.acknowledged += 1;
            if let Some((time, device, _)) = self.open.remove(&ticket) {
                self.account.fates.push((time, device, Fate::Taken));
            }
        }
        while let Some(entry) = self.admission.poll_publish(now) {
            let before = self.at_broker.back().map_or(0, |(_, acknowledged)| *acknowledged);
            let acknowledged = (self.broker)(self.step, before);
            self.at_broker.push_back((entry.ticket, acknowledged));
            self.account.published += 1;
            self.open.get_mut(&entry.ticket).expect("nobody was answered yet").2 = true;
        }
        while let Some((entry, why)) = self.admission.poll_given_up() {
            let (time, device, published) = self.open.remove(&entry.ticket).expect("it was open");
            assert!(!published && entry.item == (time, device));
            self.account.fates.push((time, device, Fate::Refused(why)));
        }
        while let Some(first) = self.open.first_entry()
            && first.get().0 + 1_500 <= self.step
        {
            let (time, device, published) = first.remove();
            assert!(published, "what waits is given up before its device is answered");
            self.account.fates.push((time, device, Fate::Late));
        }
    }

    /// So many posts a second for so many seconds, each from another device.
    fn offer(&mut self, rate: u64, seconds: u64) {
        for step in 0..seconds * 1_000 {
            for number in step * rate / 1_000..(step + 1) * rate / 1_000 {
                self.post(usize::try_from(number).expect("a few") % DEVICES);
            }
            self.pass();
        }
    }

    /// Nothing more is posted.
    fn finish(mut self) -> Account {
        for _ in 0..5_000 {
            self.pass();
        }
        assert!(self.open.is_empty());
        self.account
    }
}

/// 100 to 110 ms, as a seed has it.
fn about_100_ms() -> impl FnMut(u64) -> u64 + 'static {
    let mut sequence = Sequence::new(7);
    move |_| sequence.between(100, 110)
}

#[test]
fn a_broker_of_200_a_second_does_what_it_can_whatever_it_is_offered() {
    println!("offered | answered 2.05 | refused | published and late");
    for rate in [100, 150, 200, 300, 600, 5_000] {
        let mut scene = Scene::new(20, holding(about_100_ms()));
        scene.offer(rate, 20);
        let account = scene.finish();
        let (posted, taken, late) = (account.fates.len(), account.taken(), account.late());
        println!("{rate} | {} | {} | {late}", taken / 20, (posted - taken) / 20);
        // 20 in 105 ms.
        let possible = usize::try_from(rate * 20).expect("a few").min(20 * 20_000 / 105);
        assert!(taken * 100 >= possible * 95, "{rate}: {taken} of {possible}");
        assert!(late * 200 <= account.published, "{rate}: {late} of {}", account.published);
        assert_eq!(account.published, taken + late);
    }
}

#[test]
fn a_broker_that_takes_all_at_once_is_not_given_more_than_it_can_do() {
    for (serves, rate) in [(20, 100), (50, 45), (50, 200), (500, 2_000), (500, 20_000)] {
        let mut scene = Scene::new(usize::from(u16::MAX), serving(move |_| serves));
        scene.offer(rate, 20);
        let account = scene.finish();
        let (taken, late) = (account.taken(), account.late());
        let possible = usize::try_from(serves.min(rate) * 20).expect("a few");
        assert!(taken * 100 >= possible * 95, "{serves}, {rate}: {taken} of {possible}");
        assert!(late * 200 <= account.published, "{serves}, {rate}: {late}");
    }
}

#[test]
fn a_broker_that_needs_most_of_the_time_is_given_what_it_takes() {
    for hold in [600, 800, 1_000] {
        let mut scene = Scene::new(20, holding(move |_| hold));
        scene.offer(100, 20);
        let account = scene.finish();
        let possible = usize::try_from(20 * 20_000 / hold).expect("a few");
        let (taken, late) = (account.taken(), account.late());
        assert!(taken * 100 >= possible * 90, "{hold}: {taken} of {possible}");
        assert!(late * 200 <= account.published, "{hold}: {late} of {}", account.published);
    }
}

#[test]
fn a_broker_that_is_always_too_late_gets_one_message_at_a_time() {
    let mut scene = Scene::new(20, holding(|_| 2_000));
    scene.offer(100, 20);
    let account = scene.finish();
    // Those of the start, and one every two seconds.
    assert_eq!((account.taken(), account.late()), (0, account.published));
    assert!(account.published <= 10 + 10, "{}", account.published);
}

#[test]
fn a_broker_may_become_slower_and_quicker() {
    let hold = |now| if (5_000..10_000).contains(&now) { 400 } else { 100 };
    let mut scene = Scene::new(20, holding(hold));
    scene.offer(600, 15);
    let account = scene.finish();
    let (taken, late) = (account.taken(), account.late());
    let possible = 10 * 200 + 5 * 50;
    assert!(taken * 100 >= possible * 95, "{taken}");
    // What was in flight when it became slower.
    assert!(late <= 20, "{late} of {}", account.published);
    // One that serves in order, from 500 a second to 50.
    let rate = |now| if (5_000..10_000).contains(&now) { 50 } else { 500 };
    let mut scene = Scene::new(usize::from(u16::MAX), serving(rate));
    scene.offer(1_000, 15);
    let account = scene.finish();
    let (taken, late) = (account.taken(), account.late());
    // What was in flight when it became slower is late: three quarters of a second's worth.
    assert!(late <= 375, "{late} of {}", account.published);
    let possible = 10 * 500 + 5 * 50 - late;
    assert!(taken * 100 >= possible * 90, "{taken} of {possible}");
}

#[test]
fn a_silence_costs_what_is_in_flight_and_no_more() {
    // From 5 s to 8 s nothing is acknowledged.
    let hold = |now: u64| if (4_900..8_000).contains(&now) { 8_000 - now } else { 100 };
    let mut scene = Scene::new(20, holding(hold));
    scene.offer(600, 15);
    let account = scene.finish();
    assert_eq!(account.late(), 20);
    // Towards its end the answer is no at once, and it is no for every message.
    let at_once =
        |time, _, fate| (6_500..7_900).contains(&time) && fate == Fate::Refused(Refusal::Behind);
    assert_eq!(account.count(at_once), 1_400 * 6 / 10);
    let taken_after = |time, _, fate| time >= 8_000 && fate == Fate::Taken;
    let after = account.count(taken_after);
    assert!(after * 100 >= 7 * 200 * 95, "{after}");
    let taken = account.taken();
    assert!(taken * 100 >= 12 * 200 * 95, "{taken}");
}

#[test]
fn a_device_that_posts_a_lot_waits_behind_itself() {
    let mut scene = Scene::new(20, holding(about_100_ms()));
    for step in 0..20_000 {
        scene.post(0);
        if step % 200 == 0 {
            (1..=10).for_each(|device| scene.post(device));
        }
        scene.pass();
    }
    let account = scene.finish();
    assert_eq!(account.count(|_, device, fate| device > 0 && fate != Fate::Taken), 0);
    let (taken, late) = (account.taken(), account.late());
    assert!(taken >= 20 * 20_000 / 105 * 95 / 100, "{taken}");
    assert!(late * 200 <= account.published, "{late} of {}", account.published);
}

#[test]
fn one_device_does_not_fill_the_window_of_a_broker_that_fell_silent() {
    let hold = |now: u64| if (2_000..2_500).contains(&now) { 2_500 - now } else { 20 };
    let mut scene = Scene::new(usize::from(u16::MAX), holding(hold));
    scene.offer(1_000, 2);
    for _ in 0..2 * WINDOW {
        scene.post(20);
    }
    scene.pass();
    (0..10).for_each(|device| scene.post(device));
    let account = scene.finish();
    let others = |_, device, fate| device < 20 && fate == Fate::Taken;
    assert_eq!(account.count(others), 2_000 + 10);
    let full = account.count(|_, _, fate| fate == Fate::Refused(Refusal::Full));
    // What was in flight before took a part of the window; for each of the ten others one
    // message of the device was pushed out.
    assert!((WINDOW + 10..WINDOW + 50).contains(&full), "{full}");
}

#[test]
fn what_a_lost_connection_left_is_published_again_in_order() {
    let mut scene = Scene::new(20, holding(|_| 100));
    let start = scene.now();
    let submit = |scene: &mut Scene, device: &str| {
        scene.admission.check(start, device).expect("there is room");
        scene.admission.submit(start, device, (0, 0)).0
    };
    let tickets = ["a", "a", "b"].map(|device| submit(&mut scene, device));
    let poll = |scene: &mut Scene, now| scene.admission.poll_publish(now);
    let mut entries: Vec<_> = std::iter::from_fn(|| poll(&mut scene, start)).collect();
    assert_eq!(entries.iter().map(|entry| entry.ticket).collect::<Vec<_>>(), [1, 3, 2]);
    entries.reverse();
    for entry in entries {
        scene.admission.handle_returned(entry);
    }
    scene.admission.handle_disconnected();
    assert!(poll(&mut scene, start).is_none());
    assert_eq!(scene.admission.check(start, "c"), Err(Refusal::Down));
    let later = start + DEADLINE / 2;
    scene.admission.handle_connected(2);
    let again: Vec<_> = std::iter::from_fn(|| poll(&mut scene, later)).collect();
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|entry| entry.sent && tickets.contains(&entry.ticket)));
    // The third has no time left when a place is free.
    let end = start + DEADLINE * 19 / 20;
    scene.admission.handle_acknowledged(end, again[0].ticket);
    assert!(poll(&mut scene, end).is_none());
    let (entry, why) = scene.admission.poll_given_up().expect("it is told");
    assert_eq!((entry.sent, why), (true, Refusal::Behind));
}
