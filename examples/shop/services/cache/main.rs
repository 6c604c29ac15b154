//! Counts, and remembers the count on its volume: `/add` adds one, `/` tells.

#[path = "../http.rs"]
mod http;

use std::fs;
use std::sync::Mutex;

const PORT: u16 = 8080;
const FILE: &str = "/data/count";

fn main() {
    http::health_check(PORT);
    let stored = fs::read_to_string(FILE).unwrap_or_default();
    let count = Mutex::new(stored.trim().parse::<u64>().unwrap_or(0));
    println!("counting on from {}", count.lock().expect("not shared yet"));
    http::serve(PORT, move |path| {
        let mut count = count.lock().expect("no handler panics");
        match path {
            "/healthz" => {}
            "/" => {}
            "/add" => {
                let next = *count + 1;
                // A count that is only in memory would be lost with the container.
                let stored = fs::write(format!("{FILE}.new"), next.to_string())
                    .and_then(|()| fs::rename(format!("{FILE}.new"), FILE));
                if let Err(error) = stored {
                    return (500, format!("{{\"error\":{}}}", http::quoted(&error.to_string())));
                }
                *count = next;
            }
            _ => return (404, r#"{"error":"not found"}"#.to_owned()),
        }
        (200, format!("{{\"count\":{count}}}\n"))
    });
}
