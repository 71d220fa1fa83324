//! How the program is linked, besides `.cargo/config.toml`.

fn main() {
    let directory = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo::rerun-if-changed=src/init/first.ld");
    println!("cargo::rustc-link-arg-bins=-Wl,--script={directory}/src/init/first.ld");
}
