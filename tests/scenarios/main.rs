//! Failover as readable scenarios: each `.txt` file here is a story of endpoints that fail and
//! come back, told in [`language`], and run against the director in the virtual time of
//! [`world`]. What the story expects is compared by [`verdict`].

#![allow(clippy::unwrap_used, reason = "in a test, a panic is a verdict")]

mod flaps;
mod language;
mod verdict;
mod words;
mod world;

use std::path::Path;

/// Runs a story; fails with every line that did not come true.
fn tell(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let story = language::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    for phase in story.phases() {
        let record = world::run(&story, phase);
        let faults = verdict::faults(&story, phase, &record);
        let shift = if phase.is_zero() { String::new() } else { format!(" (phase {phase:?})") };
        assert!(faults.is_empty(), "{name}{shift}:\n{}", faults.join("\n"));
    }
}

macro_rules! stories {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                tell(concat!(stringify!($name), ".txt"));
            }
        )*

        const STORIES: &[&str] = &[$(concat!(stringify!($name), ".txt")),*];
    };
}

stories! {
    added_check
    added_endpoint
    all_down_closed
    all_down_fallback
    all_down_last
    all_down_last_no_more
    all_down_last_unknown
    all_down_open
    all_unfit
    capacity
    capacity_drain
    capacity_hard
    capacity_kept
    capacity_off
    capacity_queries
    capacity_queries_stated
    capacity_ramp
    capacity_reported
    changed_check
    changed_hold
    clean_loss
    could_not_probe
    drain
    drain_ended_while_down
    drain_measured
    drain_share
    drain_share_closed
    drain_short_ttl
    drained_endpoint
    drained_family
    drained_last
    failback_manual
    fence
    flapping
    force_down
    force_up
    guard_answers_otherwise
    guard_deploy
    guard_one_az
    guard_reference_first
    guard_reference_refuses
    guard_reload
    guard_restored
    guard_sequence
    guard_sequence_slow
    guard_silent_reference
    guard_two_dead
    guard_two_dead_off
    guard_two_dead_reference
    guard_uplink
    guard_uplink_ipv6
    held_beats_dead
    held_beats_half_dead
    hold_over_restart
    lagging_replica
    lost_family_az
    lost_ipv4
    lost_ipv6
    new_pool
    one_family
    override_again
    override_clock
    override_last_az
    override_precedence
    override_restart
    override_targets
    partial_loss
    ramp
    restart
    restart_disputed
    safety_fence
    safety_force_down
    safety_min_live
    safety_pace
    safety_ramp
    safety_reload
    safety_restart
    safety_rules
    shared_monitor
    slow_loss
    slow_start
    suppress_off
    suppressed
    suppressed_again
    suppressed_beats_dead
    suppressed_endpoint
    suppressed_force_up
    suppressed_restart
    ttl
    unfit_endpoint
    unfit_or_down
    unfit_restart
}

#[test]
fn every_story_is_told() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".txt"))
        .collect();
    files.sort();
    assert_eq!(files, STORIES);
}
