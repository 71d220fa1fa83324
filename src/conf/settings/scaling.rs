//! How the number of TaskManagers is found.

use serde::{Deserialize, Serialize};

use super::super::keys::{self, flink};
use super::Ports;
use super::reader::Reader;
use domain::demand::{Bounds, MAX_TASKMANAGERS};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scaling {
    /// [`super::Tasks::initial`], until somebody sets another number.
    Fixed,
    Demand(Demand),
}

/// The number follows the jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    pub bounds: Bounds,
    /// The adaptive scheduler tells how many slots jobs could use.
    pub is_adaptive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Fixed,
    Demand,
}

impl Scaling {
    /// `slots` are those of one TaskManager; `rest_ports` are where Flink is asked.
    pub(super) fn read(reader: &mut Reader<'_>, slots: u32, rest_ports: &Ports) -> Self {
        if reader.value(&keys::SCALING) == Kind::Fixed {
            return Self::Fixed;
        }
        if rest_ports.single().is_none() {
            reader.reject(
                keys::SCALING.name,
                format!("`fixed` unless `{}` is a single port", flink::REST_PORT.name),
            );
        }
        Self::Demand(Demand::read(reader, slots))
    }
}

impl Demand {
    fn read(reader: &mut Reader<'_>, slots: u32) -> Self {
        let slots_least = reader.value(&flink::MIN_SLOTS);
        let slots_most = reader.optional(&flink::MAX_SLOTS);
        let least = reader.value(&keys::SCALING_MINIMUM);
        let most = [
            Some((MAX_TASKMANAGERS, keys::SCALING_MAXIMUM.name)),
            reader.optional(&keys::SCALING_MAXIMUM).map(|most| (most, keys::SCALING_MAXIMUM.name)),
            slots_most.map(|most| (most / slots, flink::MAX_SLOTS.name)),
        ];
        let (most, most_by) = most.into_iter().flatten().min().unwrap_or_default();
        if least > most {
            reader.reject(keys::SCALING_MINIMUM.name, format!("at most {most}, the limit of `{most_by}`"));
        }
        let adaptive = reader.value(&flink::SCHEDULER);
        let reactive = reader.value(&flink::SCHEDULER_MODE);
        Self {
            bounds: Bounds {
                least: least.max(slots_least.div_ceil(slots)).min(most),
                most,
                most_by: most_by.into(),
                slots,
                idle: reader.value(&flink::TASK_MANAGER_IDLE),
            },
            is_adaptive: adaptive || reactive,
        }
    }
}

pub fn kind(text: &str) -> Result<Kind, String> {
    match text {
        "fixed" => Ok(Kind::Fixed),
        "demand" => Ok(Kind::Demand),
        _ => Err("`fixed` or `demand`".to_owned()),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as a reader wants it; Flink checks the value itself")]
pub fn is_adaptive(text: &str) -> Result<bool, String> {
    Ok(text.trim().eq_ignore_ascii_case("adaptive"))
}

#[expect(clippy::unnecessary_wraps, reason = "as a reader wants it; Flink checks the value itself")]
pub fn is_reactive(text: &str) -> Result<bool, String> {
    Ok(text.trim().eq_ignore_ascii_case("reactive"))
}
