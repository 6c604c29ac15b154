//! Works in the background: every few seconds it adds one to the count of `cache`. It has no port
//! and no proxy, only logs.

#[path = "../http.rs"]
mod http;

use std::thread;
use std::time::Duration;

fn main() {
    let pause = http::env("WORKER_PAUSE_SECONDS").parse().unwrap_or(5);
    http::until_stopped(move || loop {
        match http::get("cache", 8080, "/add") {
            Ok(answer) => println!("{}", answer.trim_end()),
            Err(error) => println!("cache does not answer: {error}"),
        }
        thread::sleep(Duration::from_secs(pause));
    });
    println!("stopped");
}
