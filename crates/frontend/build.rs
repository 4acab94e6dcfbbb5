//! Asks the linker for what dividing the module into parts needs: where in the code other code and data are named.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_wasm = std::env::var_os("CARGO_CFG_TARGET_ARCH").is_some_and(|arch| arch == "wasm32");
    if is_wasm && std::env::var_os("CARGO_FEATURE_PARTS").is_some() {
        println!("cargo::rustc-link-arg-cdylib=--emit-relocs");
    }
}
