//! A server that is stopped for a while and goes on, as a virtual machine that is moved: what it did
//! not see meanwhile says nothing of the azs.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::daemon::{Daemon, eventually, now};
use super::failover::assert_all_home;
use super::fleet::{Fleet, POLICY};
use super::host::Host;
use super::support::server::{Behaviour, Server};

#[test]
fn probes_that_ran_out_of_time_while_it_was_stopped_take_no_az_out() {
    let (fleet, _host, mut daemon) = one_failure_is_enough();
    // Every az has a probe under way that is not answered before the stop.
    let servers = [&fleet.sydney, &fleet.paris, &fleet.saopaulo];
    let accepted = servers.map(Server::accepted);
    for server in servers {
        server.behave(Behaviour::Silent);
    }
    eventually("probes under way", || {
        let is_asked = |(server, before): (&&Server, usize)| server.accepted() > before;
        servers.iter().zip(accepted).all(is_asked).then_some(())
    });
    daemon.signal(Signal::SIGSTOP);
    for server in servers {
        server.behave(Behaviour::reply(200, "ready"));
    }
    let stopped = now();
    eventually("the time of the probes is over", || (now() - stopped > STOP).then_some(()));
    daemon.signal(Signal::SIGCONT);
    assert_goes_on(&fleet, &mut daemon);
}

#[test]
fn a_stop_between_probes_takes_no_az_out() {
    let (fleet, _host, mut daemon) = one_failure_is_enough();
    daemon.signal(Signal::SIGSTOP);
    let stopped = now();
    eventually("many probes are overdue", || (now() - stopped > STOP).then_some(()));
    daemon.signal(Signal::SIGCONT);
    assert_goes_on(&fleet, &mut daemon);
}

/// Longer than a probe may take by as much as it takes to tell a stop from a slow endpoint.
const STOP: Duration = Duration::from_millis(2500);

/// A server that takes an az out for one failed probe.
fn one_failure_is_enough() -> (Fleet, Host, Daemon) {
    let fleet = Fleet::new();
    let host = fleet.host(&POLICY.replace("timeout = \"5s\"", "timeout = \"1s\"\nfall = 1"));
    let daemon = host.start();
    assert_all_home(&daemon);
    (fleet, host, daemon)
}

/// Every az is probed again, and none was out.
#[track_caller]
fn assert_goes_on(fleet: &Fleet, daemon: &mut Daemon) {
    let servers = [&fleet.sydney, &fleet.paris, &fleet.saopaulo];
    let accepted = servers.map(Server::accepted);
    eventually("probes of all azs", || {
        let is_probed = |(server, before): (&&Server, usize)| server.accepted() > before + 2;
        servers.iter().zip(accepted).all(is_probed).then_some(())
    });
    assert_all_home(daemon);
    daemon.signal(Signal::SIGTERM);
    daemon.ended();
    assert!(!daemon.log().contains("is out of"), "{}", daemon.log());
}
