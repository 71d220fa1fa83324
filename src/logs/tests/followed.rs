use std::collections::BTreeMap;
use std::time::Duration;

use base::time::Moment;
use bytes::Bytes;

use crate::follow::{Beside, Follower, Step};

const NAME: &str = "flink.log";

/// Which number the file gets that is renamed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Numbering {
    /// 1, and all others one more.
    NewestFirst,
    /// One more than all others.
    NewestLast,
}

struct Bench {
    numbering: Numbering,
    files: BTreeMap<String, (Vec<u8>, i64)>,
    written: Vec<u8>,
    lines: usize,
    rotations: i64,
    has_ended: bool,
    now: Moment,
    told: Vec<u8>,
}

impl Bench {
    fn new(numbering: Numbering) -> Self {
        let files = BTreeMap::from([(NAME.to_owned(), (Vec::new(), 0))]);
        let (written, told) = (Vec::new(), Vec::new());
        Self { numbering, files, written, lines: 0, rotations: 0, has_ended: false, now: Moment::START, told }
    }

    fn write(&mut self, lines: usize) {
        for _ in 0..lines {
            self.lines += 1;
            let line = format!("2026-01-01 00:00:00,{:09} INFO something happened\n", self.lines);
            self.written.extend_from_slice(line.as_bytes());
            self.files.get_mut(NAME).expect("it is there").0.extend_from_slice(line.as_bytes());
        }
    }

    fn rotate(&mut self) {
        self.rotations += 1;
        let (text, _) = self.files.remove(NAME).expect("it is there");
        let numbers: Vec<u64> =
            self.files.keys().filter_map(|name| name.rsplit('.').next()?.parse().ok()).collect();
        let highest = numbers.iter().max().copied().unwrap_or_default();
        let number = match self.numbering {
            Numbering::NewestLast => highest + 1,
            Numbering::NewestFirst => {
                for number in (1..=highest).rev() {
                    let file = self.files.remove(&format!("{NAME}.{number}")).expect("all numbers are there");
                    self.files.insert(format!("{NAME}.{}", number + 1), file);
                }
                1
            }
        };
        self.files.insert(format!("{NAME}.{number}"), (text, self.rotations));
        self.files.insert(NAME.to_owned(), (Vec::new(), self.rotations + 1));
    }

    /// One step; whether it was the last.
    fn step(&mut self, follower: &mut Follower) -> bool {
        match follower.next_step() {
            Step::Read { name, offset, length } => {
                let data = self.files.get(&name).map(|(text, _)| {
                    let from = text.len().min(usize::try_from(offset).expect("small"));
                    let to = text.len().min(from + usize::try_from(length).expect("small").min(1000));
                    Bytes::copy_from_slice(&text[from..to])
                });
                self.told.extend_from_slice(&follower.handle_read(data.as_ref(), self.now));
            }
            Step::List => {
                let files = self
                    .files
                    .iter()
                    .map(|(name, (_, written))| Beside { name: name.clone(), written: *written });
                follower.handle_list(files.collect());
            }
            Step::Ask => follower.handle_task(self.has_ended, self.now),
            Step::Wait(wait) => {
                assert!(wait >= Duration::from_millis(250) && wait <= Duration::from_secs(2), "{wait:?}");
                self.now = self.now + wait;
                follower.handle_wait();
            }
            Step::Done => return true,
        }
        false
    }

    fn until_done(&mut self, follower: &mut Follower) {
        let most = 10_000;
        assert!((0..most).any(|_| self.step(follower)), "{most} steps, and no end");
    }

    fn told(&self) -> String {
        String::from_utf8_lossy(&self.told).into_owned()
    }

    fn written(&self) -> String {
        String::from_utf8_lossy(&self.written).into_owned()
    }
}

fn follower(follows: bool) -> Follower {
    Follower::new(NAME.to_owned(), 0, None, follows)
}

#[test]
fn a_file_is_read_to_its_end_from_anywhere() {
    let mut bench = Bench::new(Numbering::NewestFirst);
    bench.write(100);
    bench.until_done(&mut follower(false));
    assert_eq!(bench.told(), bench.written());
    let written = bench.written();
    for (offset, length, expected) in [
        (10, None, &written[10..]),
        (10, Some(7), &written[10..17]),
        (0, Some(2000), &written[..2000]),
        (1 << 30, None, ""),
        (0, Some(0), ""),
    ] {
        bench.told.clear();
        bench.until_done(&mut Follower::new(NAME.to_owned(), offset, length, false));
        assert_eq!(bench.told(), expected, "{offset} {length:?}");
    }
}

#[test]
fn a_file_is_followed_to_the_end_of_its_task() {
    let mut bench = Bench::new(Numbering::NewestFirst);
    let mut follower = follower(true);
    bench.write(3);
    while !matches!(follower.next_step(), Step::Wait(_)) {
        assert!(!bench.step(&mut follower));
    }
    assert_eq!(bench.told(), bench.written());
    // It writes on and ends before anybody looks.
    bench.write(3);
    bench.has_ended = true;
    bench.until_done(&mut follower);
    assert_eq!(bench.told(), bench.written());
}

#[test]
fn nothing_is_lost_or_told_twice_through_rotations() {
    for numbering in [Numbering::NewestFirst, Numbering::NewestLast] {
        for seed in 0..2000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut bench = Bench::new(numbering);
            let mut follower = follower(true);
            bench.write(1);
            // The first line is read before anything is renamed: of a file of which nothing was read nobody knows what it was.
            while bench.told.is_empty() {
                assert!(!bench.step(&mut follower));
            }
            for _ in 0..60 {
                match random.u8(..10) {
                    0..=3 => bench.write(random.usize(1..30)),
                    // What a rotation leaves behind while files are looked through is found by their next names or not at all, so it
                    // happens between looks, which are seconds apart.
                    4 if matches!(follower.next_step(), Step::Wait(_)) => {
                        for _ in 0..random.u8(1..4) {
                            bench.write(random.usize(0..30));
                            bench.rotate();
                        }
                        bench.write(random.usize(0..30));
                    }
                    _ => assert!(!bench.step(&mut follower)),
                }
            }
            bench.has_ended = true;
            bench.until_done(&mut follower);
            assert_eq!(bench.told(), bench.written(), "{numbering:?}, seed {seed}");
        }
    }
}

#[test]
fn a_file_that_was_removed_is_begun_anew() {
    let mut bench = Bench::new(Numbering::NewestFirst);
    let mut follower = follower(true);
    bench.write(3);
    while bench.told.is_empty() {
        bench.step(&mut follower);
    }
    let before = bench.told();
    let (text, _) = bench.files.get_mut(NAME).expect("it is there");
    text.clear();
    text.extend_from_slice(b"another\n");
    bench.has_ended = true;
    bench.until_done(&mut follower);
    assert_eq!(bench.told(), before + "another\n");
}
