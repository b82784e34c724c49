//! hickory's Catalog, with the zones in its memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use hickory_proto::op::Message;
use hickory_proto::rr::{LowerName, Name, Record, RecordSet, RrKey};
use hickory_proto::serialize::binary::BinEncoder;
use hickory_server::net::NetError;
use hickory_server::net::runtime::{TokioRuntimeProvider, TokioTime};
use hickory_server::net::xfer::Protocol;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, MessageResponse, ZoneHandler, ZoneType};
use tokio::runtime::Runtime;

use super::Response;
use super::zones::{Question, Zone};

pub(crate) struct Oracle {
    catalog: Catalog,
    runtime: Runtime,
}

impl Oracle {
    pub(crate) fn new(zones: &[Zone]) -> Self {
        let mut catalog = Catalog::new();
        for zone in zones {
            let mut sets = BTreeMap::<RrKey, RecordSet>::new();
            for record in zone.records.iter().map(super::zones::Entry::record) {
                let key = RrKey::new(LowerName::new(&record.name), record.record_type());
                let empty = || RecordSet::new(record.name.clone(), record.record_type(), 0);
                sets.entry(key).or_insert_with(empty).insert(record, 0);
            }
            let origin = Name::from_labels(zone.origin.iter().map(|label| &label[..])).unwrap();
            let handler = InMemoryZoneHandler::<TokioRuntimeProvider>::new(
                origin.clone(),
                sets,
                ZoneType::Primary,
                AxfrPolicy::Deny,
            );
            let handler: Arc<dyn ZoneHandler> = Arc::new(handler.unwrap());
            catalog.upsert(LowerName::new(&origin), vec![handler]);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { catalog, runtime }
    }

    pub(crate) fn ask(&self, question: &Question) -> Response {
        let peer = "192.0.2.99:53".parse().unwrap();
        let request = Request::from_bytes(question.message(), peer, Protocol::Tcp).unwrap();
        let sent = Sent::default();
        let handled = self.catalog.handle_request::<_, TokioTime>(&request, sent.clone());
        self.runtime.block_on(handled);
        let octets = sent.0.lock().unwrap();
        Response::new(&Message::from_vec(&octets).unwrap())
    }
}

/// What was sent.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<u8>>>);

#[async_trait::async_trait]
impl ResponseHandler for Sent {
    async fn send_response<'a>(
        &mut self,
        response: MessageResponse<
            '_,
            'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
        >,
    ) -> Result<ResponseInfo, NetError> {
        let mut octets = vec![];
        let info = response.destructive_emit(&mut BinEncoder::new(&mut octets))?;
        *self.0.lock().unwrap() = octets;
        Ok(info)
    }
}
