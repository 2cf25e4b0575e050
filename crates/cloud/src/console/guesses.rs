//! Passwords that are tried: of each address one at a time, and after a wrong one not for a
//! while, whether or not its connection is still there.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Password;
use super::guard::Refusal;

/// So long after a wrong password another one of its address is looked at.
const WRONG_PASSWORD: Duration = Duration::from_millis(500);

/// Passwords of an address that wait to be looked at; a browser sends that of a page with each
/// of its requests.
const MOST_OF_ADDRESS: usize = 32;

/// Addresses whose passwords wait.
const MOST_ADDRESSES: usize = 1_024;

/// Whose turn it is, for each address from which a password is being tried.
#[derive(Default)]
pub(super) struct Guesses(Mutex<HashMap<IpAddr, Arc<tokio::sync::Mutex<()>>>>);

impl Guesses {
    /// Whether this is the password, once it is the turn of this attempt.
    pub(super) async fn is_right(
        self: &Arc<Self>,
        from: IpAddr,
        password: &Password,
        given: Vec<u8>,
    ) -> Result<bool, Refusal> {
        let turns = {
            let mut addresses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if addresses.len() >= MOST_ADDRESSES && !addresses.contains_key(&from) {
                return Err(Refusal::Guessing);
            }
            Arc::clone(addresses.entry(from).or_default())
        };
        // One is the map's, and one is here.
        if Arc::strong_count(&turns) > MOST_OF_ADDRESS + 1 {
            return Err(Refusal::Guessing);
        }
        let (guesses, password) = (Arc::clone(self), password.clone());
        // Who hangs up waits all the same: the task outlives the connection.
        let task = tokio::spawn(async move {
            let is_right = {
                let _turn = turns.lock().await;
                let is_right = password.is(&given);
                if !is_right {
                    tokio::time::sleep(WRONG_PASSWORD).await;
                }
                is_right
            };
            let mut addresses = guesses.0.lock().unwrap_or_else(PoisonError::into_inner);
            drop(turns);
            if addresses.get(&from).is_some_and(|turns| Arc::strong_count(turns) == 1) {
                addresses.remove(&from);
            }
            is_right
        });
        Ok(task.await.unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_hangs_up_waits_all_the_same() {
        let guesses = Arc::<Guesses>::default();
        let password: Password = "correct horse".parse().expect("long enough");
        let (here, there) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let start = tokio::time::Instant::now();
        for _ in 0..10 {
            let guess = guesses.is_right(here, &password, b"wrong".to_vec());
            let hung_up = tokio::time::timeout(Duration::from_millis(1), guess).await;
            assert!(hung_up.is_err());
        }
        let right = b"correct horse".to_vec();
        // Another address does not wait for this one.
        assert_eq!(guesses.is_right(there, &password, right.clone()).await.ok(), Some(true));
        assert!(start.elapsed() < WRONG_PASSWORD);
        assert_eq!(guesses.is_right(here, &password, right).await.ok(), Some(true));
        assert!(start.elapsed() >= 10 * WRONG_PASSWORD);
        assert!(guesses.0.lock().expect("no panic").is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_that_wait_have_a_bound() {
        let guesses = Arc::<Guesses>::default();
        let password: Password = "correct horse".parse().expect("long enough");
        let here = [192, 0, 2, 1].into();
        let mut refused = 0;
        for _ in 0..100 {
            let guess = guesses.is_right(here, &password, b"wrong".to_vec());
            let answer = tokio::time::timeout(Duration::ZERO, guess).await;
            refused += usize::from(matches!(answer, Ok(Err(Refusal::Guessing))));
        }
        assert!((100 - MOST_OF_ADDRESS - 1..100).contains(&refused), "{refused}");
    }
}
