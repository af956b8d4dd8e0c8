//! Link settings of the addon.

fn main() {
    napi_build::setup();
    // A library that Node unloads with an environment (a worker that ends) would take code away from
    // under whoever still runs it. It stays mapped until the process ends.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-link-arg-cdylib=-Wl,-z,nodelete");
    }
}
