//! What agents that have no image fetch: this program, Flink, and java.

use crate::artifact::bundle::Bundle;
use crate::conf::settings::{Delivery, Settings};
use crate::exit::Exit;
use crate::mesos::wire::command::Uri;
use crate::role::children;
use crate::role::setup::Setup;
use crate::role::taskmanager::{FLINK_ARCHIVE, JAVA_ARCHIVE, PROGRAM};

use super::{Fatal, fatal};

/// Of a Flink home. What starts it is ours, its logs and its configuration are no part of it.
const FLINK_PARTS: [&str; 5] = ["lib", "plugins", "opt", "usrlib", "licenses"];
/// Of a Java home. A JDK has its sources and what jlink needs besides.
const JAVA_PARTS: [&str; 4] = ["bin", "conf", "lib", "legal"];

/// In the order in which they are fetched. Reads all of it, for the addresses are made of the content.
pub fn bundles(setup: &Setup, settings: &Settings, local: bool) -> Result<Vec<Bundle>, Fatal> {
    let delivery = if local { Delivery::Nothing } else { settings.tasks.delivery };
    let program = || Bundle::file(PROGRAM, &children::own_path()?).map_err(fatal(Exit::NoInput));
    let flink = || {
        Bundle::directory(FLINK_ARCHIVE, &setup.distribution.home, &FLINK_PARTS).map_err(fatal(Exit::NoFlink))
    };
    let java =
        || Bundle::directory(JAVA_ARCHIVE, &setup.java.path, &JAVA_PARTS).map_err(fatal(Exit::NoFlink));
    Ok(match delivery {
        Delivery::Nothing => Vec::new(),
        Delivery::Flink => vec![program()?, flink()?],
        Delivery::Everything => vec![program()?, flink()?, java()?],
    })
}

/// Archives are unpacked by the task, which checks them first.
pub fn uri(bundle: &Bundle, artifacts_url: &str) -> Uri {
    Uri {
        value: Some(format!("{artifacts_url}{}", bundle.path())),
        executable: Some(bundle.name() == PROGRAM),
        extract: Some(false),
        cache: Some(true),
        output_file: None,
    }
}
