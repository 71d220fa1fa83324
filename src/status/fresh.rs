//! Answers that serve all who ask within a while, so that how many ask costs the scheduler's thread nothing more.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// An answer is kept for so many times as long as it took: whoever asks how often, they take a twentieth of the thread.
const KEPT_TIMES: u32 = 20;
/// No answer is older.
const MAX_AGE: Duration = Duration::from_secs(10);

/// The latest answer, and until when it counts.
pub struct Fresh<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Fresh<T> {
    /// The kept answer, or a new one, which counts for `least` or longer if it took long. Who comes meanwhile waits for
    /// it. `make` says how long the answer kept others from working.
    pub async fn get<E>(
        &self,
        least: Duration,
        make: impl AsyncFnOnce() -> Result<(T, Duration), E>,
    ) -> Result<T, E> {
        let mut kept = self.0.lock().await;
        if let Some((until, answer)) = &*kept
            && Instant::now() < *until
        {
            return Ok(answer.clone());
        }
        let (answer, took) = make().await?;
        *kept = Some((Instant::now() + counts_for(least, took), answer.clone()));
        Ok(answer)
    }

    pub async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

fn counts_for(least: Duration, took: Duration) -> Duration {
    least.max((took * KEPT_TIMES).min(MAX_AGE))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn answers_that_take_long_count_longer() {
        let least = Duration::from_millis(250);
        for (took_ms, counts_ms) in [(0, 250), (12, 250), (50, 1_000), (60_000, 10_000)] {
            assert_eq!(counts_for(least, Duration::from_millis(took_ms)), Duration::from_millis(counts_ms));
        }
    }

    #[tokio::test]
    async fn those_who_ask_at_once_share_an_answer() {
        let (fresh, mut made) = (Fresh::default(), 0);
        let least = Duration::from_secs(3600);
        for expected in [1, 1, 2] {
            if expected == 2 {
                fresh.forget().await;
            }
            let make = async || {
                made += 1;
                tokio::task::yield_now().await;
                Ok::<_, Infallible>((made, Duration::ZERO))
            };
            assert_eq!(fresh.get(least, make).await, Ok(expected));
        }
    }
}
