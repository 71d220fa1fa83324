//! GET_FRAMEWORKS of the operator's API.

use crate::master::{Framework, Master};
use crate::resources::{Format, Resources};
use base::time::Moment;
use mesos::wire::operator::{self, GetFrameworks, ResponseType};
use mesos::wire::time::TimeInfo;

use super::{held_by, offered};

const NANOSECONDS: f64 = 1e9;

pub fn answer(master: &Master) -> operator::Response {
    let shown = |framework| shown(master, framework);
    operator::Response {
        r#type: Some(ResponseType::GetFrameworks as i32),
        get_frameworks: Some(GetFrameworks {
            frameworks: master.frameworks().map(shown).collect(),
            completed_frameworks: master.completed_frameworks().map(shown).collect(),
        }),
    }
}

fn shown(master: &Master, framework: &Framework) -> operator::Framework {
    let is_connected = framework.stream().is_some();
    let offers = master.offers().filter(|offer| offer.framework == framework.id);
    let wire = |resources: &Resources| resources.to_wire(Format::Refined);
    let since = master.settings().epoch + framework.registered.since(Moment::START).as_secs_f64();
    let mut info = framework.info.clone();
    info.id = Some(framework.id.clone());
    #[expect(clippy::cast_possible_truncation, reason = "whole nanoseconds of this century")]
    let nanoseconds = (since * NANOSECONDS) as i64;
    operator::Framework {
        framework_info: Some(info),
        active: Some(is_connected),
        connected: Some(is_connected),
        registered_time: Some(TimeInfo { nanoseconds: Some(nanoseconds) }),
        allocated_resources: wire(&held_by(framework.tasks.values())),
        offered_resources: wire(&offered(offers)),
        recovered: Some(false),
    }
}
