//! The shop's front door. It says who answers, and asks `users` who is there.

#[path = "../http.rs"]
mod http;

use std::thread::sleep;
use std::time::Duration;

const PORT: u16 = 8080;

fn main() {
    http::health_check(PORT);
    // Set SHOP_BROKEN in the environment to see a release that never becomes healthy.
    let broken = !http::env("SHOP_BROKEN").is_empty();
    if broken {
        println!("SHOP_BROKEN is set: every health check will fail");
    }
    http::serve(PORT, move |path| match path {
        "/healthz" if broken => (503, r#"{"error":"broken on purpose"}"#.to_owned()),
        "/healthz" => (200, r#"{"ok":true}"#.to_owned()),
        "/" => (200, front()),
        // Long enough to be on its way while a new release takes over.
        "/slow" => {
            sleep(Duration::from_secs(2));
            (200, front())
        }
        _ => (404, r#"{"error":"not found"}"#.to_owned()),
    });
}

fn front() -> String {
    // The name `users` is known on the hosts that run it. Elsewhere there is an answer as well.
    let users = http::get("users", 8080, "/")
        .unwrap_or_else(|error| format!(r#"{{"error":{}}}"#, http::quoted(&error)));
    format!(
        "{{{},\"greeting\":{},\"users\":{}}}\n",
        http::identity(),
        http::quoted(&http::env("GREETING")),
        users.trim_end()
    )
}
