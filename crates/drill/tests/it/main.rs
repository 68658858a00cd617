//! The drill, played.

use std::io::Write as _;

use stockade_drill::{Audience, Line, Options, compromised_user};

struct Loud;

impl Audience for Loud {
    fn hear(&self, line: &Line) {
        let _ = writeln!(std::io::stderr(), "{} {:?} {}", line.time.strftime("%H:%M:%S"), line.voice, line.text);
    }
}

#[tokio::test]
async fn it_plays() {
    let outcome = compromised_user(Options::default(), &Loud).await.unwrap();
    std::fs::write("/tmp/drill.json", serde_json::to_string_pretty(&outcome).unwrap()).unwrap();
}
