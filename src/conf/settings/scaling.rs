//! How the number of TaskManagers is found.

use super::super::keys::{self, flink};
use super::reader::Reader;
use super::{Ports, count, parse};
use domain::demand::{Bounds, MOST_TASKMANAGERS};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// [`super::Tasks::initial`], until somebody sets another number.
    Fixed,
    Demand(Demand),
}

/// The number follows the jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    pub bounds: Bounds,
    /// The adaptive scheduler tells how many slots jobs could use.
    pub is_adaptive: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fixed,
    Demand,
}

impl Scaling {
    /// `slots` are those of one TaskManager; `rest_ports` are where Flink is asked.
    pub(super) fn read(reader: &mut Reader<'_>, slots: u32, rest_ports: &Ports) -> Self {
        if reader.value(&keys::SCALING, kind) == Kind::Fixed {
            return Self::Fixed;
        }
        if rest_ports.single().is_none() {
            reader.reject(
                keys::SCALING.name,
                format!("`fixed` unless `{}` is a single port", flink::REST_PORT),
            );
        }
        Self::Demand(Demand::read(reader, slots))
    }
}

impl Demand {
    fn read(reader: &mut Reader<'_>, slots: u32) -> Self {
        let slots_least = reader.flink(flink::SLOTS_LEAST, "0", parse::number(0..=i32::MAX.cast_unsigned()));
        let slots_most =
            reader.optional_flink(flink::SLOTS_MOST, parse::number(1..=i32::MAX.cast_unsigned()));
        let least = reader.value(&keys::SCALING_MINIMUM, count);
        let most = [
            Some((MOST_TASKMANAGERS, keys::SCALING_MAXIMUM.name)),
            reader.optional(&keys::SCALING_MAXIMUM, count).map(|most| (most, keys::SCALING_MAXIMUM.name)),
            slots_most.map(|most| (most / slots, flink::SLOTS_MOST)),
        ];
        let (most, most_by) = most.into_iter().flatten().min().unwrap_or_default();
        if least > most {
            reader.reject(keys::SCALING_MINIMUM.name, format!("at most {most}, the limit of `{most_by}`"));
        }
        let adaptive = reader.flink(flink::SCHEDULER, "default", is_adaptive);
        let reactive = reader.flink(flink::SCHEDULER_MODE, "none", is_reactive);
        Self {
            bounds: Bounds {
                least: least.max(slots_least.div_ceil(slots)).min(most),
                most,
                most_by,
                slots,
                idle: reader.flink(flink::TASK_MANAGER_IDLE, "30000", parse::duration),
            },
            is_adaptive: adaptive || reactive,
        }
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    match text {
        "fixed" => Ok(Kind::Fixed),
        "demand" => Ok(Kind::Demand),
        _ => Err("`fixed` or `demand`".to_owned()),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as a reader wants it; Flink checks the value itself")]
fn is_adaptive(text: &str) -> Result<bool, String> {
    Ok(text.trim().eq_ignore_ascii_case("adaptive"))
}

#[expect(clippy::unnecessary_wraps, reason = "as a reader wants it; Flink checks the value itself")]
fn is_reactive(text: &str) -> Result<bool, String> {
    Ok(text.trim().eq_ignore_ascii_case("reactive"))
}
