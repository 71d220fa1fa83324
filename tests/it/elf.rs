//! The binary is one file that runs in an empty directory: statically linked, hardened, small.

use std::fs;
use std::path::{Path, PathBuf};

use object::LittleEndian;
use object::elf::{DT_NEEDED, FileHeader64, PF_X, PT_DYNAMIC, PT_GNU_RELRO, PT_GNU_STACK, PT_INTERP};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};

type Header = FileHeader64<LittleEndian>;

const BUILT: &str = env!("CARGO_BIN_EXE_flink-on-mesos");

/// What an image and every Mesos sandbox have to carry besides Java and Flink.
const RELEASE_BYTES_MAX: u64 = 12_000_000;

#[test]
fn needs_nothing_of_the_machine() {
    assert_eq!(faults(&fs::read(BUILT).expect("the binary is readable")), Vec::<String>::new());
}

#[test]
fn release_is_static_and_small() {
    let Some(release) = release() else {
        println!("no release build to look at");
        return;
    };
    assert_eq!(faults(&fs::read(&release).expect("the binary is readable")), Vec::<String>::new());
    let bytes = fs::metadata(&release).expect("the binary is there").len();
    assert!(
        bytes <= RELEASE_BYTES_MAX,
        "{} has {bytes} bytes, more than {RELEASE_BYTES_MAX}",
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

fn release() -> Option<PathBuf> {
    let target = Path::new(BUILT).parent()?.parent()?;
    Some(target.join("release/flink-on-mesos")).filter(|path| path.exists())
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
