//! What relates a service to others and to time.

use webpods::model::Hook;

use super::typed::service;

#[test]
fn hooks_have_the_form_of_an_exec() {
    let service = service(
        "post_start:\n  - command: /seed --all 'a b'\n    user: 70:70\n    privileged: true\n    \
         working_dir: /data\n    environment: [A=1, B]\n  - command: [sh, -c, 'exit 1']\npre_stop:\n  \
         - command: /flush\n    environment: {C: 2}",
    );
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    assert_eq!(
        service.post_start,
        [
            Hook {
                command: words(&["/seed", "--all", "a b"]),
                user: Some("70:70".to_owned()),
                privileged: true,
                working_dir: Some("/data".to_owned()),
                environment: words(&["A=1", "B"]),
            },
            Hook {
                command: words(&["sh", "-c", "exit 1"]),
                ..Hook::default()
            },
        ]
    );
    assert_eq!(
        service.pre_stop,
        [Hook {
            command: words(&["/flush"]),
            environment: words(&["C=2"]),
            ..Hook::default()
        }]
    );
}
