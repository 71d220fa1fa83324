//! Configurations: mostly sensible sizes in all spellings, some conflicts, some nonsense.

use std::collections::BTreeMap;

use super::{Question, Role};

impl Question {
    pub fn generate(random: &mut fastrand::Rng, role: Role) -> Self {
        let mut question = Self { role, configuration: BTreeMap::new(), heap_variable: None };
        match role {
            Role::JobManager => question.add_jobmanager(random),
            Role::TaskManager => question.add_taskmanager(random),
        }
        question
    }

    fn add_jobmanager(&mut self, random: &mut fastrand::Rng) {
        match random.u8(0..10) {
            0..4 => self.size(random, "jobmanager.memory.process.size", 2048),
            4..6 => self.size(random, "jobmanager.memory.flink.size", 1400),
            6..8 => self.size(random, "jobmanager.memory.heap.size", 1000),
            _ => {}
        }
        self.sometimes(random, 10, |to, random| to.size(random, "jobmanager.memory.process.size", 2048));
        self.sometimes(random, 15, |to, random| to.size(random, "jobmanager.memory.flink.size", 1400));
        self.sometimes(random, 15, |to, random| to.size(random, "jobmanager.memory.heap.size", 1000));
        self.sometimes(random, 30, |to, random| to.size(random, "jobmanager.memory.off-heap.size", 128));
        self.add_jvm(random, "jobmanager");
        self.sometimes(random, 30, |to, random| {
            let value = random.choice(["true", "false", "TRUE", "True", "yes", ""]).expect("not empty");
            to.set("jobmanager.memory.enable-jvm-direct-memory-limit", value);
        });
        self.sometimes(random, 10, Self::add_matching_total);
        self.add_legacy(random, "jobmanager");
    }

    fn add_taskmanager(&mut self, random: &mut fastrand::Rng) {
        match random.u8(0..10) {
            0..4 => self.size(random, "taskmanager.memory.process.size", 4096),
            4..6 => self.size(random, "taskmanager.memory.flink.size", 3000),
            6..8 => {
                self.size(random, "taskmanager.memory.task.heap.size", 1000);
                self.size(random, "taskmanager.memory.managed.size", 1000);
            }
            _ => {}
        }
        for (key, percent, typical_mib) in [
            ("taskmanager.memory.process.size", 8, 4096),
            ("taskmanager.memory.flink.size", 12, 3000),
            ("taskmanager.memory.task.heap.size", 15, 700),
            ("taskmanager.memory.managed.size", 15, 700),
            ("taskmanager.memory.size", 5, 700),
            ("taskmanager.memory.framework.heap.size", 15, 128),
            ("taskmanager.memory.framework.off-heap.size", 15, 128),
            ("taskmanager.memory.task.off-heap.size", 20, 64),
            ("taskmanager.memory.network.min", 15, 64),
            ("taskmanager.memory.network.max", 15, 1024),
            ("taskmanager.network.memory.min", 4, 64),
            ("taskmanager.network.memory.max", 4, 1024),
        ] {
            self.sometimes(random, percent, |to, random| to.size(random, key, typical_mib));
        }
        for (key, percent) in [
            ("taskmanager.memory.managed.fraction", 20),
            ("taskmanager.memory.network.fraction", 20),
            ("taskmanager.network.memory.fraction", 5),
        ] {
            self.sometimes(random, percent, |to, random| to.fraction(random, key));
        }
        self.add_jvm(random, "taskmanager");
        self.add_cpu(random);
        self.sometimes(random, 10, Self::add_buffers);
        self.sometimes(random, 20, Self::add_external_resources);
        self.add_legacy(random, "taskmanager");
    }

    fn add_jvm(&mut self, random: &mut fastrand::Rng, role: &str) {
        for (part, percent, typical_mib) in
            [("jvm-metaspace.size", 20, 256), ("jvm-overhead.min", 15, 192), ("jvm-overhead.max", 15, 1024)]
        {
            let key = format!("{role}.memory.{part}");
            self.sometimes(random, percent, |to, random| to.size(random, &key, typical_mib));
        }
        let key = format!("{role}.memory.jvm-overhead.fraction");
        self.sometimes(random, 20, |to, random| to.fraction(random, &key));
    }

    fn add_cpu(&mut self, random: &mut fastrand::Rng) {
        self.sometimes(random, 30, |to, random| {
            let odd = ["0", "-1", "2.0", "+3", "abc", "", "2147483648", "2147483647", " 2"];
            let value = common_or_odd(random, |random| random.u8(1..17).to_string(), &odd);
            to.set("taskmanager.numberOfTaskSlots", &value);
        });
        self.sometimes(random, 25, |to, random| {
            let odd = [
                "0",
                "0.0",
                "-1",
                "NaN",
                "Infinity",
                "abc",
                "",
                "1e-9",
                "1E10",
                "12345678.123456789",
                "2d",
                " 0.5 ",
                "0.0004",
                "1e300",
                "1e400",
                ".5",
                "5.",
                "0,5",
            ];
            let value =
                common_or_odd(random, |random| (f64::from(random.u16(1..6400)) / 100.0).to_string(), &odd);
            to.set("taskmanager.cpu.cores", &value);
        });
    }

    fn add_buffers(&mut self, random: &mut fastrand::Rng) {
        let odd = ["0", "-1", "2147483647", "many", ""];
        let value = common_or_odd(random, |random| random.u16(512..20000).to_string(), &odd);
        self.set("taskmanager.network.numberOfBuffers", &value);
        self.sometimes(random, 30, |to, random| {
            let value = random.choice(["32k", "4k", "64kb", "2k", "33k", "1g", "2g", "1mb", "-1"]);
            to.set("taskmanager.memory.segment-size", value.expect("not empty"));
        });
    }

    fn add_external_resources(&mut self, random: &mut fastrand::Rng) {
        let list = random.choice([
            "gpu",
            "gpu;fpga",
            "fpga ; gpu",
            "[gpu, fpga]",
            "none",
            "'gpu'",
            "\"gpu\";fpga",
            "",
        ]);
        self.set("external-resources", list.expect("not empty"));
        for name in ["gpu", "fpga"] {
            self.sometimes(random, 80, |to, random| {
                let odd = ["0", "-1", "abc", "1.5", "9007199254740992", ""];
                let value = common_or_odd(random, |random| random.u8(1..9).to_string(), &odd);
                to.set(&format!("external-resource.{name}.amount"), &value);
            });
        }
    }

    /// A total that is exactly the sum of its parts, which chance would never find.
    fn add_matching_total(&mut self, random: &mut fastrand::Rng) {
        let heap = random.u32(200..4000);
        let off_heap = random.u32(0..500);
        self.set("jobmanager.memory.heap.size", &format!("{heap}m"));
        self.set("jobmanager.memory.off-heap.size", &format!("{off_heap}m"));
        self.set("jobmanager.memory.flink.size", &format!("{}m", heap + off_heap));
        self.configuration.remove("jobmanager.memory.process.size");
    }

    fn add_legacy(&mut self, random: &mut fastrand::Rng, role: &str) {
        self.sometimes(random, 8, |to, random| to.size(random, &format!("{role}.heap.size"), 1500));
        self.sometimes(random, 8, |to, random| {
            let odd = ["0", "-5", "1g", "", "2147483647"];
            let value = common_or_odd(random, |random| random.u16(300..6000).to_string(), &odd);
            to.set(&format!("{role}.heap.mb"), &value);
        });
        if random.u8(0..100) < 6 {
            // An empty variable is no variable for us; Flink ends on it.
            self.heap_variable = Some(size_text(random, 1500)).filter(|value| !value.is_empty());
        }
    }

    fn sometimes(
        &mut self,
        random: &mut fastrand::Rng,
        percent: u8,
        add: impl FnOnce(&mut Self, &mut fastrand::Rng),
    ) {
        if random.u8(0..100) < percent {
            add(self, random);
        }
    }

    fn size(&mut self, random: &mut fastrand::Rng, key: &str, typical_mib: u32) {
        let value = size_text(random, typical_mib);
        self.set(key, &value);
    }

    fn fraction(&mut self, random: &mut fastrand::Rng, key: &str) {
        let odd = [
            "0",
            "0.0",
            "1",
            "1.0",
            "0.999999",
            "0.9999999",
            "0.99999999",
            "1.5",
            "-0.1",
            "-0.0",
            "NaN",
            "Infinity",
            "0.1f",
            "2D",
            "1e-1",
            ".5",
            "5.",
            "+0.3",
            " 0.2 ",
            "abc",
            "",
            "0,1",
            "1e-50",
            "1e-5",
            "0.1f0",
            "0x1p-2",
            "0x1.8p-3f",
            "0X.4P0D",
            "0x1.999999999999999999ap-4",
            "-0x1p-3",
            "0x1",
            "0x1p",
        ];
        let common = |random: &mut fastrand::Rng| match random.u8(0..3) {
            0 => format!("0.{}", random.u8(0..10)),
            1 => format!("0.{:03}", random.u16(0..700)),
            _ => (random.f64() * 0.6).to_string(),
        };
        let value = common_or_odd(random, common, &odd);
        self.set(key, &value);
    }

    fn set(&mut self, key: &str, value: &str) {
        self.configuration.insert(key.to_owned(), value.to_owned());
    }
}

fn size_text(random: &mut fastrand::Rng, typical_mib: u32) -> String {
    let odd = [
        "0",
        "0b",
        "1",
        "1k",
        "",
        " ",
        "abc",
        "-1m",
        "1.5g",
        "4 potatoes",
        "1_000m",
        "9223372036854775807",
        "9223372036854775808",
        "8388608t",
        "8388607t",
        "4096t",
        "1e3",
        "0x10",
        "m",
        "99999999999999999999",
        "١m",
    ];
    let common = |random: &mut fastrand::Rng| {
        let mib = u64::from(typical_mib) * random.u64(40..400) / 100;
        match random.u8(0..10) {
            0 => format!("{}g", mib.div_ceil(1024)),
            1 => format!("{}", (mib << 20) + random.u64(0..1 << 20)),
            2 => format!("{} kb", mib << 10),
            3 => format!("{}bytes", (mib << 20) + random.u64(0..1 << 20)),
            4 => format!("{mib}M "),
            5 => format!("{mib}mebibytes"),
            6 => format!(" {} Kibibytes", (mib << 10) + random.u64(0..1024)),
            7 => format!("{}gb", u64::from(random.u8(1..64))),
            _ => format!("{mib}m"),
        }
    };
    common_or_odd(random, common, &odd)
}

fn common_or_odd(
    random: &mut fastrand::Rng,
    common: impl FnOnce(&mut fastrand::Rng) -> String,
    odd: &[&str],
) -> String {
    if random.u8(0..100) < 96 {
        return common(random);
    }
    (*random.choice(odd).expect("not empty")).to_owned()
}
