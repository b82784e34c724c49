//! Who stays connected when there are too many: a newcomer takes the seat of the connection with the
//! least claim to one. RFC 9210 section 4.2 leaves it to a server at its limit to close an idle
//! connection or to refuse the new one. Refused, clients would stay out for as long as others like to
//! stay in.
//!
//! Pure: time is an argument, and how a connection is told that its seat is gone is the caller's.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::time::Monotonic;

/// All who have a seat. A connection's `T` is how it is told that it has none any more.
#[derive(Debug)]
pub(super) struct Seats<T> {
    clients: HashMap<IpAddr, Client<T>>,
    /// Every client, by [`Client::rank`].
    order: BTreeSet<(Rank, IpAddr)>,
    taken: usize,
    next: u64,
}

/// A connection's seat: its connection says by it when it is at rest.
#[derive(Debug)]
pub(super) struct Seat {
    client: IpAddr,
    number: u64,
    rest: Arc<Rest>,
}

/// Which limit a newcomer meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// That of its client: it takes the place of one of its own.
    Client,
    /// That of all: it takes the place of one of the client that has most, and has more than its own.
    All,
}

#[derive(Debug)]
struct Client<T> {
    /// The one idle the longest first. Never empty.
    connections: BTreeMap<Key, (Arc<Rest>, T)>,
    /// Where it stands in the order.
    rank: Rank,
}

/// Since when a connection is at rest at least, and its number.
type Key = (Monotonic, u64);

/// Those with most connections first; of clients with as many, the one that has the connection which
/// is idle the longest.
type Rank = (Reverse<usize>, Key);

/// When a connection came to rest, in nanoseconds. It only grows, so a key is never too late, and one
/// that may be too early is looked at when it matters: a query touches nothing that is shared.
#[derive(Debug)]
struct Rest {
    since: AtomicU64,
    /// What its key says. Only changed along with the key.
    known: AtomicU64,
}

impl<T> Seats<T> {
    pub(super) fn new() -> Self {
        Self { clients: HashMap::new(), order: BTreeSet::new(), taken: 0, next: 0 }
    }

    /// How many are connected.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Seats one more connection of `client`, at rest from `now` on, where there may be `all` in all and
    /// `per_client` of it. Whoever loses a seat for it is handed to `evicted`. The error: which limit
    /// it met when none could be taken away.
    pub(super) fn admit(
        &mut self,
        client: IpAddr,
        (all, per_client): (usize, usize),
        tell: T,
        now: Monotonic,
        mut evicted: impl FnMut(Full, T),
    ) -> Result<Seat, Full> {
        loop {
            let full = if self.of(client) >= per_client {
                Full::Client
            } else if self.taken >= all {
                Full::All
            } else {
                return Ok(self.seat(client, tell, now));
            };
            evicted(full, self.free(client, full, now).ok_or(full)?);
        }
    }

    /// Gives a seat back, unless it was taken away.
    pub(super) fn leave(&mut self, seat: &Seat) {
        self.remove(seat.client, (monotonic(&seat.rest.known), seat.number));
    }

    /// Takes away the seat of the connection that has the least claim, for a newcomer that nobody knows.
    pub(super) fn free_any(&mut self, now: Monotonic) -> Option<T> {
        let greediest = self.greediest(0, now)?;
        self.free_of(greediest, now)
    }

    /// Takes away the seat of the connection that has the least claim against a newcomer of `client`:
    /// none whose rest is still to come, and none of a client that has fewer connections than it or,
    /// but for itself, as many.
    fn free(&mut self, client: IpAddr, full: Full, now: Monotonic) -> Option<T> {
        let greediest = match full {
            Full::Client => None,
            Full::All => self.greediest(self.of(client), now),
        };
        self.free_of(greediest.unwrap_or(client), now)
    }

    fn free_of(&mut self, client: IpAddr, now: Monotonic) -> Option<T> {
        let idlest = self.idlest(client).filter(|(since, _)| *since <= now)?;
        self.remove(client, idlest)
    }

    fn seat(&mut self, client: IpAddr, tell: T, now: Monotonic) -> Seat {
        let key = (now, self.next);
        self.next += 1;
        self.taken += 1;
        let at = || AtomicU64::new(nanoseconds(now));
        let rest = Arc::new(Rest { since: at(), known: at() });
        let entry = self
            .clients
            .entry(client)
            .or_insert_with(|| Client { connections: BTreeMap::new(), rank: (Reverse(0), key) });
        entry.connections.insert(key, (rest.clone(), tell));
        self.rank(client);
        Seat { client, number: key.1, rest }
    }

    /// How many `client` has.
    fn of(&self, client: IpAddr) -> usize {
        self.clients.get(&client).map_or(0, |client| client.connections.len())
    }

    /// Of the clients with more than `own` connections, the one with most that has one at rest.
    fn greediest(&mut self, own: usize, now: Monotonic) -> Option<IpAddr> {
        let mut from = Bound::Unbounded;
        loop {
            let &((Reverse(count), known), client) =
                self.order.range((from, Bound::Unbounded)).next()?;
            if count <= own {
                return None;
            }
            let idlest = self.idlest(client)?;
            if idlest != known {
                self.rank(client);
            } else if idlest.0 <= now {
                return Some(client);
            } else {
                // No client with so many has one at rest.
                let first = (Reverse(count - 1), (Monotonic::START, 0));
                from = Bound::Included((first, Ipv4Addr::UNSPECIFIED.into()));
            }
        }
    }

    /// The connection of `client` that is at rest the longest. Its key is then exact.
    fn idlest(&mut self, client: IpAddr) -> Option<Key> {
        let connections = &mut self.clients.get_mut(&client)?.connections;
        loop {
            let (&key, (rest, _)) = connections.first_key_value()?;
            let since = monotonic(&rest.since);
            if since <= key.0 {
                return Some(key);
            }
            let (rest, tell) = connections.remove(&key)?;
            rest.known.store(nanoseconds(since), Ordering::Relaxed);
            connections.insert((since, key.1), (rest, tell));
        }
    }

    fn remove(&mut self, client: IpAddr, key: Key) -> Option<T> {
        let (_, tell) = self.clients.get_mut(&client)?.connections.remove(&key)?;
        self.taken -= 1;
        self.rank(client);
        Some(tell)
    }

    /// Puts `client` where it belongs in the order.
    fn rank(&mut self, client: IpAddr) {
        let Some(entry) = self.clients.get_mut(&client) else { return };
        self.order.remove(&(entry.rank, client));
        match entry.connections.first_key_value() {
            Some((&first, _)) => {
                entry.rank = (Reverse(entry.connections.len()), first);
                self.order.insert((entry.rank, client));
            }
            None => {
                self.clients.remove(&client);
            }
        }
    }
}

impl Seat {
    /// Says that its connection is at rest from `since` on, which may be still to come. Earlier than
    /// said before has no effect.
    pub(super) fn rest_from(&self, since: Monotonic) {
        // There is but this writer.
        let before = self.rest.since.load(Ordering::Relaxed);
        self.rest.since.store(nanoseconds(since).max(before), Ordering::Relaxed);
    }
}

/// 584 years fit.
fn nanoseconds(at: Monotonic) -> u64 {
    at.since_start().as_nanos() as u64
}

fn monotonic(nanoseconds: &AtomicU64) -> Monotonic {
    Monotonic::from_start(Duration::from_nanos(nanoseconds.load(Ordering::Relaxed)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Seats, and the same told by looking at everybody.
    struct Hall {
        seats: Seats<usize>,
        limits: (usize, usize),
        now: Monotonic,
        connections: Vec<Connection>,
    }

    struct Connection {
        client: u8,
        since: Monotonic,
        /// `None`: it has lost it, or left.
        seat: Option<Seat>,
    }

    #[derive(Clone, Debug)]
    enum Step {
        Connect(u8),
        /// A query, or an answer under way for so many seconds.
        Ask(prop::sample::Index, u64),
        Leave(prop::sample::Index),
        /// As when the process is out of descriptors.
        MakeRoom,
        Limit(usize, usize),
    }

    impl Hall {
        fn new(all: usize, per_client: usize) -> Self {
            let limits = (all, per_client);
            Self { seats: Seats::new(), limits, now: Monotonic::START, connections: vec![] }
        }

        /// Who loses a seat for it, which must be who the model says; the error: the limit it meets.
        fn connect(&mut self, client: u8) -> Result<Vec<usize>, Full> {
            self.now = self.now + Duration::from_secs(1);
            let expected = self.by_looking_at_all(client);
            let (mut lost, label) = (vec![], self.connections.len());
            let evicted = |_, label| lost.push(label);
            let seated = self.seats.admit(ip(client), self.limits, label, self.now, evicted);
            assert_eq!((&lost, seated.as_ref().err()), (&expected.0, expected.1.as_ref()));
            for &label in &lost {
                self.connections[label].seat = None;
            }
            let (since, error) = (self.now, seated.as_ref().err().copied());
            self.connections.push(Connection { client, since, seat: seated.ok() });
            error.map_or(Ok(lost), Err)
        }

        /// Who loses a seat for one more of `client`, and the limit that it meets.
        fn by_looking_at_all(&self, client: u8) -> (Vec<usize>, Option<Full>) {
            let mut seated: Vec<_> = self.seated().collect();
            let mut lost = vec![];
            loop {
                let own = count(&seated, client);
                let (full, is_candidate): (_, &dyn Fn(u8) -> bool) = if own >= self.limits.1 {
                    (Full::Client, &|other| other == client)
                } else if seated.len() >= self.limits.0 {
                    (Full::All, &|other| count(&seated, other) > own)
                } else {
                    return (lost, None);
                };
                let own_idlest = || self.idlest(&seated, |other| other == client);
                match self.idlest(&seated, is_candidate).or_else(own_idlest) {
                    Some(label) => {
                        seated.retain(|(other, _)| *other != label);
                        lost.push(label);
                    }
                    None => return (lost, Some(full)),
                }
            }
        }

        /// Of the connections at rest of such clients, one of the client with most, the one idle the
        /// longest.
        fn idlest(
            &self,
            seated: &[(usize, &Connection)],
            is_candidate: impl Fn(u8) -> bool,
        ) -> Option<usize> {
            let resting = seated.iter().filter(|(_, connection)| connection.since <= self.now);
            let candidates = resting.filter(|(_, connection)| is_candidate(connection.client));
            let claim = |(label, connection): &&(usize, &Connection)| {
                (Reverse(count(seated, connection.client)), connection.since, *label)
            };
            candidates.min_by_key(claim).map(|(label, _)| *label)
        }

        fn ask(&mut self, label: usize, under_way: u64) {
            self.now = self.now + Duration::from_secs(1);
            let connection = &mut self.connections[label];
            if let Some(seat) = &connection.seat {
                let until = self.now + Duration::from_secs(under_way);
                seat.rest_from(until);
                connection.since = connection.since.max(until);
            }
        }

        fn leave(&mut self, label: usize) {
            if let Some(seat) = self.connections[label].seat.take() {
                self.seats.leave(&seat);
            }
        }

        fn seated(&self) -> impl Iterator<Item = (usize, &Connection)> {
            self.connections.iter().enumerate().filter(|(_, connection)| connection.seat.is_some())
        }

        fn count(&self, client: u8) -> usize {
            count(&self.seated().collect::<Vec<_>>(), client)
        }
    }

    fn count(seated: &[(usize, &Connection)], client: u8) -> usize {
        seated.iter().filter(|(_, connection)| connection.client == client).count()
    }

    fn ip(client: u8) -> IpAddr {
        [192, 0, 2, client].into()
    }

    #[test]
    fn a_newcomer_replaces_the_connection_of_its_client_that_is_idle_the_longest() {
        let mut hall = Hall::new(100, 3);
        assert_eq!([1, 1, 1].map(|client| hall.connect(client).unwrap().len()), [0; 3]);
        hall.ask(0, 0);
        assert_eq!(hall.connect(1), Ok(vec![1]));
    }

    #[test]
    fn whoever_has_most_connections_makes_way() {
        let mut hall = Hall::new(4, 100);
        for client in [1, 2, 2, 2] {
            hall.connect(client).unwrap();
        }
        hall.ask(1, 0);
        assert_eq!(hall.connect(3), Ok(vec![2]));
    }

    #[test]
    fn of_clients_with_as_many_the_connection_idle_the_longest_makes_way() {
        let mut hall = Hall::new(3, 100);
        for client in [1, 2, 3] {
            hall.connect(client).unwrap();
        }
        hall.ask(0, 0);
        assert_eq!(hall.connect(4), Ok(vec![1]));
    }

    #[test]
    fn who_has_most_replaces_its_own() {
        let mut hall = Hall::new(4, 100);
        for client in [1, 1, 2, 2] {
            hall.connect(client).unwrap();
        }
        assert_eq!(hall.connect(2), Ok(vec![2]));
    }

    #[test]
    fn an_answer_under_way_keeps_its_connection() {
        let mut hall = Hall::new(3, 100);
        for client in [1, 1, 2] {
            hall.connect(client).unwrap();
        }
        hall.ask(0, 60);
        hall.ask(1, 60);
        // Another makes way as long as it lasts, though its client has fewer.
        assert_eq!(hall.connect(3), Ok(vec![2]));
        hall.now = hall.now + Duration::from_secs(60);
        assert_eq!(hall.connect(4), Ok(vec![0]));
    }

    #[test]
    fn where_every_answer_is_under_way_nobody_is_let_in() {
        let mut hall = Hall::new(2, 100);
        hall.connect(1).unwrap();
        hall.connect(1).unwrap();
        hall.ask(0, 60);
        hall.ask(1, 60);
        assert_eq!(hall.connect(2), Err(Full::All));
    }

    #[test]
    fn a_client_with_every_place_shares_them_with_who_comes() {
        let mut hall = Hall::new(10, 10);
        for _ in 0..10 {
            hall.connect(1).unwrap();
        }
        for client in 2..=11 {
            for _ in 0..10 {
                hall.connect(client).unwrap();
                hall.connect(1).unwrap();
            }
        }
        let counts: Vec<_> = (1..=11).map(|client| hall.count(client)).collect();
        assert!(counts.iter().all(|&count| count <= 1), "{counts:?}");
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let index = any::<prop::sample::Index>;
        let step = prop_oneof![
            8 => (0..6u8).prop_map(Step::Connect),
            6 => (index(), prop_oneof![3 => Just(0), 1 => 1..20u64]).prop_map(|(at, s)| Step::Ask(at, s)),
            1 => index().prop_map(Step::Leave),
            1 => Just(Step::MakeRoom),
            1 => (1..9usize, 1..5usize).prop_map(|(all, own)| Step::Limit(all, own)),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        /// Limits hold, the least claim is found, and it is never that of a client with fewer.
        #[test]
        fn a_newcomer_takes_the_seat_of_the_least_claim(steps in steps()) {
            let mut hall = Hall::new(6, 3);
            for step in steps {
                match step {
                    Step::Connect(client) => {
                        let before: Vec<_> = (0..6).map(|client| hall.count(client)).collect();
                        let (taken, (all, per_client)) = (hall.seats.taken(), hall.limits);
                        let own = before[usize::from(client)];
                        match hall.connect(client) {
                            Ok(lost) => {
                                prop_assert!(hall.seats.taken() <= all);
                                prop_assert!(hall.count(client) <= per_client);
                                let whose = lost.first().map(|&label| hall.connections[label].client);
                                let fewest = whose.map(|other| before[usize::from(other)]);
                                prop_assert!(whose == Some(client) || fewest.is_none_or(|n| n > own));
                            }
                            Err(Full::Client) => prop_assert!(own >= per_client),
                            Err(Full::All) => prop_assert!(taken >= all),
                        }
                    }
                    Step::Ask(at, under_way) if !hall.connections.is_empty() => {
                        hall.ask(at.index(hall.connections.len()), under_way);
                    }
                    Step::Leave(at) if !hall.connections.is_empty() => {
                        hall.leave(at.index(hall.connections.len()));
                    }
                    Step::MakeRoom => {
                        let seated: Vec<_> = hall.seated().collect();
                        let expected = hall.idlest(&seated, |_| true);
                        let freed = hall.seats.free_any(hall.now);
                        prop_assert_eq!(freed, expected);
                        if let Some(label) = freed {
                            hall.connections[label].seat = None;
                        }
                    }
                    Step::Limit(all, per_client) => hall.limits = (all, per_client),
                    Step::Ask(..) | Step::Leave(_) => {}
                }
                prop_assert_eq!(hall.seats.taken(), hall.seated().count());
                prop_assert_eq!(hall.seats.order.len(), hall.seats.clients.len());
            }
        }
    }
}
