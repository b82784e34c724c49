//! Overrides while the disk hangs or fails.

use std::fs;
use std::pin::{Pin, pin};
use std::time::Duration;

use meridian::control::{Handle, Order, OrderError, Ordered, Stopped, Unordered};
use meridian::route::{Override, OverrideKind};
use meridian::store::Store;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::running::{Running, UNCHECKED};

#[tokio::test]
async fn steering_goes_on_while_the_disk_hangs() {
    let disk = Disk::hanging();
    let control = Running::start_from(UNCHECKED, Some(disk.store()));
    let mut giving = pin!(give(&control.handle, "mumbai"));
    begin(&mut giving).await;
    assert_eq!(within(control.handle.status()).await.unwrap().overrides, []);
    assert!(within(control.handle.reload()).await.unwrap().clean);
    begin(&mut giving).await;
    disk.fails();
    let refused = within(giving).await.unwrap_err();
    assert!(matches!(refused, Unordered::Refused(OrderError::NotWritten(_))), "{refused}");
    within(give(&control.handle, "mumbai")).await.unwrap();
    assert_eq!(control.handle.status().await.unwrap().overrides.len(), 1);
}

#[tokio::test]
async fn orders_that_come_together_are_all_kept() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let control = Running::start_from(UNCHECKED, Some(store));
    let orders = ["mumbai", "web/mumbai", "web/mumbai/127.0.0.1"];
    let [first, second, third] = orders.map(|target| give(&control.handle, target));
    let given = tokio::join!(first, second, third);
    assert!(matches!(given, (Ok(_), Ok(_), Ok(_))), "{given:?}");
    let kept = fs::read(directory.path().join("overrides.json")).unwrap();
    let kept: Vec<Override> = serde_json::from_slice(&kept).unwrap();
    assert!(kept.iter().map(|order| &order.given).eq(&orders), "{kept:?}");
}

#[tokio::test]
async fn a_disk_that_hangs_over_an_order_does_not_keep_control_from_ending() {
    let disk = Disk::hanging();
    let control = Running::start_from(UNCHECKED, Some(disk.store()));
    let mut giving = pin!(give(&control.handle, "mumbai"));
    begin(&mut giving).await;
    within(control.handle.stop()).await.unwrap();
    assert_eq!(within(giving).await, Err(Unordered::Stopped(Stopped)));
}

/// A state directory in which the writing of overrides hangs.
struct Disk(TempDir);

impl Disk {
    fn hanging() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // What is opened to be written to waits for a reader.
        mkfifo(&directory.path().join("overrides.json.new"), Mode::S_IRWXU).unwrap();
        Self(directory)
    }

    fn store(&self) -> Store {
        Store::open(self.0.path()).unwrap()
    }

    /// Lets it go on, and fail, since a pipe can't be flushed to a disk. Afterwards it is mended.
    fn fails(&self) {
        let path = self.0.path().join("overrides.json.new");
        // Waits for the writer.
        let pipe = fs::File::open(&path).unwrap();
        fs::remove_file(path).unwrap();
        drop(pipe);
    }
}

async fn give(control: &Handle, target: &str) -> Result<Ordered, Unordered> {
    let order = Order {
        kind: OverrideKind::ForceUp,
        target: target.into(),
        duration: "1h".into(),
        to: None,
        reason: "test".into(),
        even_if_last: false,
    };
    control.give(order, "uid 1".into()).await
}

/// Has an order sent, which must not be done yet.
async fn begin(giving: &mut Pin<&mut impl Future<Output = Result<Ordered, Unordered>>>) {
    tokio::select! {
        biased;
        done = giving => panic!("{done:?}"),
        () = std::future::ready(()) => {}
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), future).await.unwrap()
}
