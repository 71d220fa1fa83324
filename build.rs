//! How the program is linked, besides `.cargo/config.toml`.

fn main() {
    let directory = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let script = |name: &str| {
        println!("cargo::rerun-if-changed=src/init/{name}");
        println!("cargo::rustc-link-arg-bins=-Wl,--script={directory}/src/init/{name}");
    };
    script("first.ld");
    // Others unwind.
    if std::env::var("PROFILE").expect("cargo sets it") == "release" {
        script("unwind.ld");
        println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    }
}
