//! Demand that a file states, as the load of azs: for whoever asks what would be, where no az reports any.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::spread::Spreader;
use super::{AzId, Capacities, Preferences, Routing, Topology, ViewId};
use crate::geo::{Demand, Places, View};
use crate::id::IdVec;

impl Routing {
    /// The same with the load that is stated of azs, and with clients who cause as much load as their
    /// demand is, spread as that is; demand that nobody recorded causes none. The pools have equal parts
    /// in it. Nothing changes where no az has a capacity.
    pub fn with_load(
        self,
        (views, places): (&IdVec<ViewId, Arc<View>>, &Places),
        demand: &Demand,
        azs: BTreeMap<AzId, f64>,
    ) -> Self {
        if self.topology.capacities.limits.is_empty() {
            return self;
        }
        let Self { topology, mut preferences } = self;
        let clients = match demand {
            Demand::Uniform => None,
            Demand::Recorded(_) => {
                preferences = spread(&topology, &preferences, (views, places), demand);
                let mut all = 0.0;
                demand.visit(places, |_, demand| all += demand);
                Some(all)
            }
        };
        let mut topology = Topology::clone(&topology);
        topology.capacities = Capacities { stated: azs, clients, ..topology.capacities };
        Self { topology: Arc::new(topology), preferences }
    }
}

/// The preferences of each view, with how its clients are spread over them.
fn spread(
    topology: &Topology,
    preferences: &IdVec<ViewId, Arc<Preferences>>,
    (views, places): (&IdVec<ViewId, Arc<View>>, &Places),
    demand: &Demand,
) -> IdVec<ViewId, Arc<Preferences>> {
    let of_view = |(id, spec)| {
        let (view, preferences) = (&*views[id], &*preferences[id]);
        let mut spreader = Spreader::new(spec, (view, preferences), places, &topology.azs);
        demand.visit(places, |network, demand| spreader.add(network, demand));
        Arc::new(preferences.clone().with_spread(spreader.finish()))
    };
    topology.views.iter().map(of_view).collect()
}
