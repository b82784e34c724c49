//! What other servers accept in a pool and Meridian refuses, taken out of it and named.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Note;
use super::draft::{Endpoint, Order, Pool, Rule, Target};

impl Pool {
    /// Leaves what `meridian check` accepts. Returns an az that is not in it any more though all
    /// clients, or those of its kind, went there: what is left would send them elsewhere.
    pub(super) fn settle(&mut self) -> Option<String> {
        let first = match &self.order {
            Order::Failover(order) => order.first().cloned(),
            Order::Nearest(_) | Order::Weighted(_) => None,
        };
        self.endpoints.retain(|(_, endpoints)| !endpoints.is_empty());
        self.keep_one_kind();
        let of_other_kind = self.endpoints.iter().find(|(_, endpoints)| endpoints.is_empty());
        let of_other_kind = of_other_kind.map(|(az, _)| az.clone());
        self.keep_first_of_repeated();
        self.keep_azs_with_ipv4();
        self.forget_what_is_gone();
        let mut seen = BTreeSet::new();
        self.notes.retain(|note| seen.insert(note.clone()));
        let is_gone = |az: &String| self.endpoints.iter().all(|(other, _)| other != az);
        first.filter(is_gone).or(of_other_kind)
    }

    /// Addresses or names, never both.
    fn keep_one_kind(&mut self) {
        if self.targets().any(|target| matches!(target, Target::Address(_))) {
            self.retain(
                |target| matches!(target, Target::Address(_)),
                |target| {
                    format!("{target} is a name in a pool of addresses, which is all of one kind")
                },
            );
            return;
        }
        // An az of names has one, and these keys say nothing there.
        self.keys.retain(|key| !["min_up", "max_answers"].iter().any(|of| key.starts_with(of)));
        let mut notes = vec![];
        for (az, endpoints) in &mut self.endpoints {
            for more in endpoints.split_off(endpoints.len().min(1)) {
                let why = format!("{} is a second name in az {az}, which has one", more.target);
                notes.push(Note::new(&self.place, why));
            }
        }
        self.notes.extend(notes);
    }

    /// An address is one endpoint of one az.
    fn keep_first_of_repeated(&mut self) {
        let mut seen = BTreeSet::<IpAddr>::new();
        self.retain(
            |target| match target {
                Target::Address(address) => seen.insert(*address),
                Target::Name(_) => true,
            },
            |target| format!("{target} stands twice; the second is left out"),
        );
    }

    /// Clients with IPv4 alone must get an answer in every az if in any.
    fn keep_azs_with_ipv4(&mut self) {
        let has_ipv4 = |endpoints: &[Endpoint]| {
            let is_ipv4 = |e: &Endpoint| matches!(e.target, Target::Address(IpAddr::V4(_)));
            endpoints.iter().any(is_ipv4)
        };
        if !self.endpoints.iter().any(|(_, endpoints)| has_ipv4(endpoints)) {
            return;
        }
        for (az, endpoints) in &mut self.endpoints {
            if !endpoints.is_empty() && !has_ipv4(endpoints) {
                let why = format!("az {az} has no IPv4 address though others have; it is left out");
                self.notes.push(Note::new(&self.place, why));
                endpoints.clear();
            }
        }
    }

    /// Takes azs without endpoints out of orders, weights and rules.
    fn forget_what_is_gone(&mut self) {
        self.endpoints.retain(|(_, endpoints)| !endpoints.is_empty());
        let azs: BTreeSet<_> = self.endpoints.iter().map(|(az, _)| az.as_str()).collect();
        match &mut self.order {
            Order::Nearest(order) | Order::Failover(order) => {
                order.retain(|az| azs.contains(az.as_str()));
            }
            Order::Weighted(weights) => weights.retain(|(az, _)| azs.contains(az.as_str())),
        }
        for Rule { prefer, .. } in &mut self.rules {
            prefer.retain(|az| azs.contains(az.as_str()));
        }
        self.rules.retain(|rule| !rule.prefer.is_empty());
    }

    fn targets(&self) -> impl Iterator<Item = &Target> {
        self.endpoints.iter().flat_map(|(_, endpoints)| endpoints).map(|e| &e.target)
    }

    /// Keeps what `keep` wants, and says of the rest `why` not.
    fn retain(&mut self, mut keep: impl FnMut(&Target) -> bool, why: impl Fn(&Target) -> String) {
        for (_, endpoints) in &mut self.endpoints {
            endpoints.retain(|endpoint| {
                let is_kept = keep(&endpoint.target);
                if !is_kept {
                    self.notes.push(Note::new(&self.place, why(&endpoint.target)));
                }
                is_kept
            });
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(azs: &[(&str, &[&str])]) -> Pool {
        let target = |text: &&str| match text.parse() {
            Ok(address) => Target::Address(address).into(),
            Err(_) => Target::Name((*text).into()).into(),
        };
        let mut pool = Pool {
            endpoints: azs
                .iter()
                .map(|(az, targets)| ((*az).to_owned(), targets.iter().map(target).collect()))
                .collect(),
            order: Order::Failover(azs.iter().map(|(az, _)| (*az).to_owned()).collect()),
            ..Pool::default()
        };
        pool.settle();
        pool
    }

    fn azs(pool: &Pool) -> Vec<&str> {
        let Order::Failover(order) = &pool.order else { return vec![] };
        assert_eq!(order.len(), pool.endpoints.len());
        order.iter().map(String::as_str).collect()
    }

    #[test]
    fn a_name_among_addresses_is_left_out_and_named() {
        let pool = pool(&[("a", &["192.0.2.1"]), ("b", &["last.example."])]);
        assert_eq!(azs(&pool), ["a"]);
        assert_eq!(pool.notes.len(), 1);
    }

    #[test]
    fn an_az_without_ipv4_is_left_out_where_others_have_it() {
        let pool = pool(&[("a", &["192.0.2.1", "2001:db8::1"]), ("b", &["2001:db8::2"])]);
        assert_eq!(azs(&pool), ["a"]);
        assert_eq!(pool.notes.len(), 1);
    }

    #[test]
    fn the_first_of_a_repeated_address_stays() {
        let pool = pool(&[("a", &["192.0.2.1"]), ("b", &["192.0.2.1", "192.0.2.2"])]);
        assert_eq!(pool.endpoints[1].1.len(), 1);
        assert_eq!(pool.notes.len(), 1);
    }

    #[test]
    fn names_alone_stay() {
        let pool = pool(&[("a", &["a.example."]), ("b", &["b.example."])]);
        assert_eq!(azs(&pool), ["a", "b"]);
        assert_eq!(pool.notes, []);
    }
}
