use std::sync::{Arc, Mutex};

use base::events::Journal;
use records::{Change, CommitError, Key, PurgeError, Records};

use super::*;
use crate::driver::{Driver, Groups, Seat};
use crate::tests::store::Store;
use crate::tests::{by, session};
use crate::{Action, View};

/// What a leader writes and a standby reads, unless it is away.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<(Store, bool)>>);

impl Shared {
    fn with<T>(&self, look: impl FnOnce(&mut Store, &mut bool) -> T) -> T {
        let mut shared = self.0.lock().expect("no panic");
        let (store, is_away) = &mut *shared;
        look(store, is_away)
    }

    fn gone() -> LoadError {
        LoadError::Gone { place: "/away".to_owned() }
    }
}

impl RecordSource for Shared {
    async fn revision(&mut self) -> Result<Revision, LoadError> {
        self.with(|store, is_away| if *is_away { Err(Self::gone()) } else { Ok(Revision(store.revision)) })
    }

    async fn load(&mut self) -> Result<Loaded, LoadError> {
        self.with(|store, is_away| if *is_away { Err(Self::gone()) } else { Ok(store.loaded()) })
    }
}

impl Records for Shared {
    async fn load(&mut self, _: Option<&Key>) -> Result<Loaded, LoadError> {
        RecordSource::load(self).await
    }

    async fn commit(&mut self, changes: &[Change]) -> Result<Revision, CommitError> {
        Ok(self.with(|store, _| store.commit(changes)).expect("it fits"))
    }

    async fn purge(self) -> Result<(), PurgeError> {
        Ok(())
    }
}

struct Nobody;

impl Groups for Nobody {
    type Error = std::convert::Infallible;

    async fn carry_out(&mut self, _: Action) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn look(&mut self) -> Result<std::collections::BTreeMap<String, View>, Self::Error> {
        Ok(std::collections::BTreeMap::new())
    }

    async fn changed(&mut self) {
        std::future::pending::<()>().await;
    }
}

fn clock() -> Timestamp {
    Timestamp(1_700_000_000_000)
}

/// A dispatcher that leads.
fn lead(shared: &Shared) -> Handle {
    let loaded = shared.with(|store, _| store.loaded());
    let core = restore(&loaded, Limits::default());
    let parts = (shared.clone(), Nobody);
    let (driver, handle) = Driver::new(core, 0, Limits::default(), parts, Arc::<Journal>::default(), clock);
    tokio::spawn(driver.run());
    handle
}

fn stand_by(shared: &Shared) -> Handle {
    let (standby, handle) = Standby::new(shared.clone(), Limits::default(), clock);
    tokio::spawn(standby.run());
    handle
}

async fn names(handle: &Handle) -> Result<Vec<String>, NotAnswered> {
    handle.ask(|core, _| core.list().into_iter().map(|cluster| cluster.name).collect()).await
}

async fn create(handle: &Handle, name: &str) -> Result<(), NotAnswered> {
    let manifest = session(name);
    handle.ask(move |core, now| drop(core.apply(std::slice::from_ref(&manifest), &by("ann"), now))).await
}

async fn until_known(standby: &Handle, name: &str) {
    while names(standby).await.is_ok_and(|names| names != [name]) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[tokio::test]
async fn it_tells_what_the_leader_has_stored() {
    let shared = Shared::default();
    let (leader, standby) = (lead(&shared), stand_by(&shared));
    assert_eq!(names(&standby).await, Ok(Vec::new()));
    create(&leader, "a").await.expect("stored");
    until_known(&standby, "a").await;

    let mut events = standby.follow();
    create(&leader, "b").await.expect("stored");
    let mut told = Vec::new();
    while told.last() != Some(&"b".to_owned()) {
        told.push(events.recv().await.expect("it looks by itself while somebody follows").cluster);
    }
}

#[tokio::test]
async fn it_answers_as_it_knew_while_nothing_can_be_read() {
    let shared = Shared::default();
    create(&lead(&shared), "a").await.expect("stored");
    let standby = stand_by(&shared);
    until_known(&standby, "a").await;
    shared.with(|_, is_away| *is_away = true);
    tokio::time::sleep(LOOK_EVERY * 2).await;
    assert_eq!(names(&standby).await, Ok(vec!["a".to_owned()]));
    let error = names(&stand_by(&shared)).await.expect_err("nothing is known");
    assert_eq!(error, NotAnswered::NotRead("/away is no longer there".to_owned()));
}

#[tokio::test]
async fn an_order_that_reaches_it_is_none() {
    let shared = Shared::default();
    let standby = stand_by(&shared);
    assert_eq!(create(&standby, "a").await, Err(NotAnswered::NotLeading));
    assert_eq!(names(&standby).await, Ok(Vec::new()), "it is not even told");
    assert_eq!(shared.with(|store, _| store.revision), 0);
}

#[tokio::test]
async fn who_asks_at_a_seat_is_answered_by_whoever_has_it() {
    let shared = Shared::default();
    let (seat, handle) = Seat::open();
    assert_eq!(names(&handle).await, Err(NotAnswered::Stopping));
    seat.take(&stand_by(&shared));
    assert_eq!(create(&handle, "a").await, Err(NotAnswered::NotLeading));
    seat.take(&lead(&shared));
    create(&handle, "a").await.expect("stored");
    assert_eq!(names(&handle).await, Ok(vec!["a".to_owned()]));
}

#[tokio::test]
async fn what_only_the_leader_may_say_nobody_else_does() {
    let shared = Shared::default();
    let leader = lead(&shared);
    create(&leader, "a").await.expect("stored");
    let standby = stand_by(&shared);
    until_known(&standby, "a").await;
    assert_eq!(standby.ask_leader(|core, _| core.list().len()).await, Err(NotAnswered::NotLeading));
    assert_eq!(leader.ask_leader(|core, _| core.list().len()).await, Ok(1));
    assert_eq!(names(&standby).await, Ok(vec!["a".to_owned()]), "what it knew it still knows");
    assert!(standby.instructions().borrow().is_empty());
}
