//! Visitors who do not stop coming while a journey goes on.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::http::UNANSWERED;
use super::{Lab, get};

/// Requests on their way, one visitor per node.
#[derive(Debug)]
pub struct Load {
    over: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    failed: Arc<Mutex<Vec<String>>>,
    visitors: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts visiting `http://<domain><path>` on every node.
    pub fn start(lab: &Lab, domain: &str, path: &str) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicUsize::new(0));
        let failed = Arc::new(Mutex::new(Vec::new()));
        let visitors = lab
            .nodes
            .iter()
            .map(|node| {
                let (over, sent, failed) = (over.clone(), sent.clone(), failed.clone());
                let (addr, domain) = (node.addr.clone(), domain.to_owned());
                let path = path.to_owned();
                thread::spawn(move || {
                    while !over.load(Ordering::SeqCst) {
                        sent.fetch_add(1, Ordering::SeqCst);
                        let mut answer = get(&addr, &domain, &path);
                        if matches!(&answer, Err(error) if error.ends_with(UNANSWERED)) {
                            // Once: whoever is turned away twice was lost.
                            answer = get(&addr, &domain, &path);
                        }
                        let failure = match answer {
                            Ok(answer) if answer.status == 200 => continue,
                            Ok(answer) => format!("{addr}: {} {}", answer.status, answer.body),
                            Err(error) => error,
                        };
                        failed.lock().unwrap().push(failure);
                    }
                })
            })
            .collect();
        Self {
            over,
            sent,
            failed,
            visitors,
        }
    }

    /// How many requests were sent so far.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    /// Lets the last visitors finish. Fails when any request failed or none was sent.
    #[track_caller]
    pub fn none_failed(mut self) -> usize {
        self.stop();
        let failed = self.failed.lock().unwrap();
        assert!(
            failed.is_empty(),
            "{} of {} requests failed, the first: {}",
            failed.len(),
            self.sent(),
            failed[0]
        );
        assert!(self.sent() > 0, "no request was sent");
        self.sent()
    }

    fn stop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        for visitor in self.visitors.drain(..) {
            _ = visitor.join();
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop();
    }
}
