//! The program `pullpass`.

fn main() -> std::process::ExitCode {
    pullpass::cli::main()
}
