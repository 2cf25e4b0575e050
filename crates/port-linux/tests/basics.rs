//! Hazards of the small functions: a biased or constant generator, a clock that
//! runs backwards, a lock that does not exclude, text that overruns.

mod common;

use std::ffi::CStr;
use std::ptr::{null, null_mut};
use std::thread;
use std::time::Duration;

use common::hal::{
    HAL_Free, HAL_Malloc, HAL_MutexCreate, HAL_MutexDestroy, HAL_MutexLock, HAL_MutexUnlock,
    HAL_Printf, HAL_Random, HAL_SleepMs, HAL_Snprintf, HAL_Srandom, HAL_UptimeMs,
};
use iot_coap_test_support::processes::in_child;
use iot_coap_test_support::waiting::timed;

fn random(region: u32) -> u32 {
    // SAFETY: it takes any number.
    unsafe { HAL_Random(region) }
}

#[test]
fn random_numbers_stay_below_the_region() {
    for region in [1, 2, 3, 10, 1000, 0x8000_0001, u32::MAX] {
        for _ in 0..500 {
            assert!(random(region) < region);
        }
    }
}

#[test]
fn random_numbers_reach_everything_evenly() {
    // Without rejection, a region of 3 * 2^30 would hit its first third twice
    // as often as the others.
    let third = 1 << 30;
    let draws = 30_000;
    let low = (0..draws).filter(|_| random(3 * third) < third).count();
    assert!((9_300..10_700).contains(&low), "{low} of {draws}");
    let mut seen = 0_u32;
    for _ in 0..200 {
        seen |= random(0);
    }
    assert_eq!(seen, u32::MAX, "region 0 is the full range");
}

#[test]
fn a_seed_does_not_make_it_predictable() {
    // SAFETY: it takes any number.
    let draw = || unsafe {
        HAL_Srandom(1);
        (random(0), random(0))
    };
    assert_ne!(draw(), draw());
}

#[test]
fn the_clock_runs_and_sleep_sleeps() {
    // SAFETY: no pointers.
    let ((before, after), took) = timed(|| unsafe {
        let before = HAL_UptimeMs();
        HAL_SleepMs(120);
        (before, HAL_UptimeMs())
    });
    assert!(took >= Duration::from_millis(120));
    assert!((119..1000).contains(&(after - before)));
}

#[test]
fn a_mutex_excludes() {
    struct Shared(*mut std::ffi::c_void, std::cell::UnsafeCell<u64>);
    // SAFETY: the cell is used under the mutex only; that is what is tested.
    unsafe impl Sync for Shared {}
    // SAFETY: it takes nothing.
    let shared = Shared(unsafe { HAL_MutexCreate() }, 0.into());
    assert!(!shared.0.is_null());
    thread::scope(|scope| {
        for _ in 0..4 {
            let shared = &shared;
            scope.spawn(move || {
                for _ in 0..50_000 {
                    // SAFETY: a live mutex; the value is touched while it is held.
                    unsafe {
                        HAL_MutexLock(shared.0);
                        *shared.1.get() += 1;
                        HAL_MutexUnlock(shared.0);
                    }
                }
            });
        }
    });
    assert_eq!(shared.1.into_inner(), 200_000);
    // SAFETY: nobody holds it any more; NULL is to be ignored.
    unsafe {
        HAL_MutexDestroy(shared.0);
        HAL_MutexLock(null_mut());
        HAL_MutexUnlock(null_mut());
        HAL_MutexDestroy(null_mut());
    }
}

#[test]
fn memory_is_had_and_given_back() {
    // SAFETY: written within its size, freed once.
    unsafe {
        let memory = HAL_Malloc(1000).cast::<u8>();
        assert!(!memory.is_null());
        memory.write_bytes(0xA5, 1000);
        HAL_Free(memory.cast());
        HAL_Free(null_mut());
    }
}

#[test]
fn text_is_cut_at_the_end_of_the_buffer() {
    let mut out = [0x55; 8];
    // SAFETY: the buffer with its length, and arguments as the format says.
    unsafe {
        assert_eq!(HAL_Snprintf(out.as_mut_ptr(), 6, c"%s-%d".as_ptr(), c"abc".as_ptr(), 12345), 9);
        assert_eq!(CStr::from_ptr(out.as_ptr()), c"abc-1");
        assert_eq!(out[6], 0x55);
        assert_eq!(HAL_Snprintf(null_mut(), 0, c"four".as_ptr()), 4);
        assert_eq!(HAL_Snprintf(null_mut(), 5, c"four".as_ptr()), -1);
        assert_eq!(HAL_Snprintf(out.as_mut_ptr(), -1, c"four".as_ptr()), -1);
        assert_eq!(HAL_Snprintf(out.as_mut_ptr(), 8, null()), -1);
    }
}

#[test]
#[ignore = "run in a process of its own"]
fn child_prints_and_dies() {
    // SAFETY: an argument as the format says.
    unsafe {
        HAL_Printf(null());
        HAL_Printf(c"printed %d".as_ptr(), 42);
    }
}

#[test]
fn what_is_printed_is_flushed() {
    let output = in_child("child_prints_and_dies", &[]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("printed 42"));
}
