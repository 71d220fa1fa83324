//! What is done to a site, and how it is put right again.

use std::collections::BTreeSet;

use fastrand::Rng;
use nix::sys::signal::Signal;
use serde_json::json;

use super::appmaster::Peer;
use super::site::{AGENTS, Site};
use crate::cluster::processes::{self, Part};
use crate::ha::proxy::Passage;

/// At once.
const MOST: usize = 3;
const TASKMANAGERS: std::ops::RangeInclusive<usize> = 2..=6;
/// By Mesos' clock, which is faster. It takes an agent for lost after 75 s.
const AWAY_MS: std::ops::Range<u64> = 1_000..40_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    Leader,
    Standby,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mischief {
    /// SIGKILL of its init: all of it goes.
    KillAppMaster(Whom),
    /// SIGTERM, as whoever runs its container sends it.
    StopAppMaster(Whom),
    KillPart(Whom, Part),
    /// Of all its processes, with SIGSTOP.
    Freeze(Whom),
    Cut(Whom, Peer, Passage),
    /// Another one comes, or one has to go.
    ChangeNumber,
    KillServer(usize),
    HangServer(usize),
    /// All but one are killed.
    LoseMajority(usize),
    LoseEnsemble,
    ChangeMaster {
        away_ms: u64,
        registry: &'static str,
    },
    /// The master answers as one that does not lead.
    LoseMaster {
        for_ms: u64,
    },
    PartitionAgent {
        agent: usize,
        for_ms: u64,
    },
    DisconnectAgent {
        agent: usize,
        for_ms: u64,
    },
    /// What becomes of events and updates.
    Disturb(&'static str),
    /// The next one is carried out, and nobody says so.
    MuteAccept,
    Scale(usize),
    /// The one that has lived longest.
    EndTaskManager,
    KillTaskManager,
}

impl Mischief {
    /// There is nearly always something to launch or to end while other things go wrong.
    pub fn some(random: &mut Rng) -> Vec<Self> {
        let count = random.usize(1..=MOST);
        let mut some: Vec<_> = (0..count).map(|_| Self::any(random)).collect();
        if random.usize(..4) > 0 {
            some.insert(random.usize(..=count), Self::unrest(random));
        }
        some
    }

    fn unrest(random: &mut Rng) -> Self {
        match random.u32(..4) {
            0 | 1 => Self::Scale(random.usize(TASKMANAGERS)),
            2 => Self::EndTaskManager,
            _ => Self::KillTaskManager,
        }
    }

    fn any(random: &mut Rng) -> Self {
        let whom = if random.usize(..4) > 0 { Whom::Leader } else { Whom::Standby };
        let passage = if random.bool() { Passage::Silent } else { Passage::Closed };
        let (server, agent) = (random.usize(..3), random.usize(..AGENTS));
        let for_ms = random.u64(AWAY_MS);
        match random.u32(..22) {
            0 | 1 => Self::KillAppMaster(whom),
            2 => Self::StopAppMaster(whom),
            3 => Self::KillPart(whom, Part::JobManager),
            4 | 5 => Self::KillPart(whom, Part::Worker),
            6 | 7 => Self::Freeze(whom),
            8 | 9 => Self::Cut(whom, Peer::ZooKeeper, passage),
            10 | 11 => Self::Cut(whom, Peer::Mesos, passage),
            12 => Self::ChangeNumber,
            13 => Self::KillServer(server),
            14 => Self::HangServer(server),
            15 => Self::LoseMajority(server),
            16 => Self::LoseEnsemble,
            17 => Self::ChangeMaster {
                away_ms: for_ms / 2,
                registry: if random.usize(..4) > 0 { "kept" } else { "lost" },
            },
            18 => Self::LoseMaster { for_ms },
            19 => Self::PartitionAgent { agent, for_ms },
            20 => Self::DisconnectAgent { agent, for_ms },
            _ if random.usize(..8) == 0 => Self::MuteAccept,
            _ => Self::Disturb(DISTURBANCES[random.usize(..DISTURBANCES.len())]),
        }
    }

    pub async fn begin(self, site: &mut Site) {
        match self {
            Self::KillAppMaster(whom) => signal_appmaster(site, whom, Signal::SIGKILL).await,
            Self::StopAppMaster(whom) => signal_appmaster(site, whom, Signal::SIGTERM).await,
            Self::KillPart(whom, part) => {
                let Some(index) = find(site, whom).await else { return };
                for process in site.appmasters[index].program.parts(part) {
                    let _gone_already = nix::sys::signal::kill(process.pid, Signal::SIGKILL);
                }
            }
            Self::Freeze(whom) => {
                let Some(index) = find(site, whom).await else { return };
                site.appmasters[index].freeze();
            }
            Self::Cut(whom, peer, passage) => {
                let Some(index) = find(site, whom).await else { return };
                site.appmasters[index].cut(peer, passage);
            }
            Self::ChangeNumber => {
                site.wanted_appmasters = if site.wanted_appmasters == 2 { 3 } else { 2 };
                if site.appmasters.len() > site.wanted_appmasters {
                    signal_appmaster(site, Whom::Standby, Signal::SIGTERM).await;
                }
            }
            Self::KillServer(index) => site.kill_server(index),
            Self::HangServer(index) => site.hang_server(index),
            Self::LoseMajority(spared) => {
                (0..site.ensemble.len())
                    .filter(|index| *index != spared)
                    .for_each(|index| site.kill_server(index));
            }
            Self::LoseEnsemble => (0..site.ensemble.len()).for_each(|index| site.kill_server(index)),
            Self::ChangeMaster { away_ms, registry } => {
                let after: Vec<_> = (1..=AGENTS as u64).map(|part| away_ms * part / AGENTS as u64).collect();
                site.fault("change-master", &json!({ "registry": registry, "agents_after_ms": after })).await;
            }
            Self::LoseMaster { for_ms } => {
                let phase = |answer: &str| json!({ "for_ms": for_ms / 2, "answer": answer });
                let phases = json!({ "phases": [phase("no_leader"), phase("recovers")] });
                site.fault("phases", &phases).await;
            }
            Self::PartitionAgent { agent, for_ms } => {
                site.fault("partition-agent", &json!({ "agent": format!("S{agent}"), "for_ms": for_ms }))
                    .await;
            }
            Self::DisconnectAgent { agent, for_ms } => {
                site.fault("disconnect-agent", &json!({ "agent": format!("S{agent}"), "for_ms": for_ms }))
                    .await;
            }
            Self::Disturb(name) => site.fault(name, &json!({})).await,
            // Its answer is awaited for 75 s.
            Self::MuteAccept => site.fault("calls", &json!({ "call": "ACCEPT", "deed": "mute" })).await,
            Self::Scale(target) => site.scale_in_passing(target).await,
            Self::EndTaskManager => signal_taskmanager(site, Signal::SIGUSR1),
            Self::KillTaskManager => signal_taskmanager(site, Signal::SIGKILL),
        }
    }
}

const DISTURBANCES: [&str; 6] =
    ["close-streams", "cut-streams", "lose-updates", "duplicate-updates", "lose-acknowledgements", "rescind"];

async fn find(site: &Site, whom: Whom) -> Option<usize> {
    site.find(whom == Whom::Leader).await
}

async fn signal_appmaster(site: &mut Site, whom: Whom, signal: Signal) {
    let Some(index) = find(site, whom).await else { return };
    let program = &site.appmasters[index].program;
    if program.lives() {
        program.signal(signal);
    }
}

fn signal_taskmanager(site: &mut Site, signal: Signal) {
    let Some(oldest) = site.taskmanagers().into_values().min_by_key(|process| process.started) else {
        return;
    };
    if signal == Signal::SIGKILL {
        site.killed.insert(oldest);
    }
    if processes::is_alive(oldest) {
        processes::signal(oldest, signal);
    }
}

/// In any order, one after the other.
pub async fn heal(site: &mut Site, random: &mut Rng) {
    let mut left: BTreeSet<usize> = (0..3).collect();
    while let Some(next) = random.choice(left.iter().copied()) {
        left.remove(&next);
        match next {
            0 => site.heal_servers(),
            1 => site.appmasters.iter_mut().for_each(super::appmaster::AppMaster::heal),
            _ => {
                site.bury().await;
                site.fill_up().await;
            }
        }
        super::pause(random, super::GAP_MS).await;
    }
}
