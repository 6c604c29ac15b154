//! Knows the shop's users, which are lines of a file in the image.

#[path = "../http.rs"]
mod http;

const PORT: u16 = 8080;

fn main() {
    http::health_check(PORT);
    let users = std::fs::read_to_string("/users.txt").unwrap_or_default();
    let names: Vec<String> = users.split_whitespace().map(http::quoted).collect();
    let answer = format!("{{{},\"names\":[{}]}}\n", http::identity(), names.join(","));
    http::serve(PORT, move |path| match path {
        "/healthz" => (200, r#"{"ok":true}"#.to_owned()),
        "/" => (200, answer.clone()),
        _ => (404, r#"{"error":"not found"}"#.to_owned()),
    });
}
