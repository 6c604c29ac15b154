//! Embedded folders are read by a macro that does not notice new files; this makes cargo look.

fn main() {
    for folder in ["lua", "templates"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
