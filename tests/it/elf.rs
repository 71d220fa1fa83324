//! The binary is one file that runs in an empty directory: statically linked, hardened, small.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use object::LittleEndian;
use object::elf::{DT_NEEDED, FileHeader64, PF_X, PT_DYNAMIC, PT_GNU_RELRO, PT_GNU_STACK, PT_INTERP};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};

use crate::skips::{Missing, skip};

type Header = FileHeader64<LittleEndian>;

const BUILT: &str = env!("CARGO_BIN_EXE_flink-on-mesos");

/// What an image and every Mesos sandbox have to carry besides Java and Flink.
const MAX_RELEASE_BYTES: u64 = 15_000_000;

#[test]
fn needs_nothing_of_the_machine() {
    assert_eq!(faults(&fs::read(BUILT).expect("the binary is readable")), Vec::<String>::new());
}

#[test]
fn release_is_static_and_small() {
    let Some(release) = release() else { return };
    assert_eq!(faults(&fs::read(&release).expect("the binary is readable")), Vec::<String>::new());
    let bytes = fs::metadata(&release).expect("the binary is there").len();
    assert!(
        bytes <= MAX_RELEASE_BYTES,
        "{} has {bytes} bytes, more than {MAX_RELEASE_BYTES}",
        release.display()
    );
}

/// The system's shell shows what a program that does need something looks like.
#[test]
fn faults_of_a_dynamic_program_are_seen() {
    let faults = faults(&fs::read("/bin/sh").expect("/bin/sh is readable"));
    assert!(faults.iter().any(|fault| fault.starts_with("interpreter")), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.starts_with("needs")), "{faults:?}");
}

#[test]
fn only_tests_can_make_the_embedded_mesos_fail() {
    assert!(names_a_fault(BUILT.as_ref()), "the fault is called otherwise by now");
    let Some(release) = release() else { return };
    assert!(!names_a_fault(&release), "the release was built with the feature faults");
}

#[test]
fn a_core_of_the_release_can_be_read() {
    let Some(release) = release() else { return };
    let debug = release.with_extension("debug");
    if !debug.exists() {
        return skip(
            Missing::OfPreparation,
            "no debug information beside the release: scripts/build leaves it there",
        );
    }
    let (sections, apart) = (sections(&release), sections(&debug));
    for name in [".eh_frame", ".gnu_debuglink"] {
        assert!(sections.contains(name), "{name}: {sections:?}");
    }
    assert!(!sections.contains(".debug_line") && apart.contains(".debug_line"), "{sections:?} {apart:?}");
}

/// None where there is none, which is told.
fn release() -> Option<PathBuf> {
    let target = Path::new(BUILT).parent()?.parent()?;
    let release = Some(target.join("release/flink-on-mesos")).filter(|path| path.exists());
    if release.is_none() {
        skip(Missing::OfPreparation, "no release build");
    }
    release
}

fn names_a_fault(program: &Path) -> bool {
    let name = b"lose-acknowledgements";
    fs::read(program).expect("the binary is readable").windows(name.len()).any(|bytes| bytes == name)
}

fn sections(program: &Path) -> BTreeSet<String> {
    let bytes = fs::read(program).expect("the file is readable");
    let header = Header::parse(&*bytes).expect("a 64 bit ELF file");
    let sections = header.sections(LittleEndian, &*bytes).expect("sections");
    let name = |section| {
        String::from_utf8_lossy(sections.section_name(LittleEndian, section).expect("a name")).into()
    };
    sections.iter().map(name).collect()
}

fn faults(bytes: &[u8]) -> Vec<String> {
    let endian = LittleEndian;
    let header = Header::parse(bytes).expect("a 64 bit ELF file");
    let segments = header.program_headers(endian, bytes).expect("program headers");
    let mut faults = Vec::new();
    let mut stack_is_plain = false;
    let mut relro = false;
    for segment in segments {
        match segment.p_type(endian) {
            PT_INTERP => faults.push("interpreter asked for".to_owned()),
            PT_GNU_STACK => stack_is_plain = segment.p_flags(endian) & PF_X == 0,
            PT_GNU_RELRO => relro = true,
            PT_DYNAMIC => {
                for entry in segment.dynamic(endian, bytes).expect("dynamic section").unwrap_or_default() {
                    if entry.tag32(endian) == Some(DT_NEEDED) {
                        faults.push("needs a shared library".to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    for (there, what) in [(stack_is_plain, "stack may be executable"), (relro, "relocations stay writable")] {
        if !there {
            faults.push(what.to_owned());
        }
    }
    faults
}
