//! RFC 7830: padding, which is for encrypted transports (RFC 8467 section 4).

use super::opt::{option, options};
use super::server::Server;
use super::{Ask, World, show};

#[test]
fn section_3_padding_is_taken_and_never_sent_over_transports_that_are_not_encrypted() {
    let server = Server::start(World::of_zone("example", "www A 192.0.2.1\n").snapshot());
    for padding in [&[][..], &[0; 128], &[0xff; 17]] {
        let options_asked = option(12, padding);
        let query = Ask { options: options_asked, ..Ask::new("www.example. A +edns") }.message();
        for response in [server.ask(&query), server.tcp(&query)] {
            assert_eq!(show(&response), "NOERROR aa edns=1232\nan www.example. 3600 A 192.0.2.1");
            assert_eq!(options(&response), []);
        }
    }
}
