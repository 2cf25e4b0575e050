//! How long a session takes to encrypt and to decrypt a record, for each suite. The server is
//! in the same process and uses OpenSSL's cryptography.
//!
//! ```text
//! cargo bench -p iot-coap-dtls --bench records
//! ```

use criterion::{BatchSize, Criterion, Throughput};
use iot_coap_dtls::Datagram;
use iot_coap_test_support::scripted::messages::APPLICATION_DATA;
use iot_coap_test_support::scripted::{Pair, Suite, at};

/// As long as a request or its response.
const PLAINTEXT: [u8; 300] = [7; 300];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("record of 300 bytes");
    group.throughput(Throughput::Bytes(PLAINTEXT.len() as u64));
    for suite in [Suite::PskGcm, Suite::PskCcm8, Suite::PskCbcSha] {
        let mut pair = Pair::connected(suite);
        let mut buffer = [0; 512];
        group.bench_function(format!("seal, {suite:?}"), |bencher| {
            bencher.iter(|| pair.client.send(&PLAINTEXT, &mut buffer));
        });
        let Pair { mut client, mut server } = pair;
        group.bench_function(format!("open, {suite:?}"), |bencher| {
            bencher.iter_batched_ref(
                || server.protected(APPLICATION_DATA, &PLAINTEXT),
                |record| {
                    let read = client.handle_datagram(at(0), &mut Datagram::new(record));
                    assert!(matches!(read, Ok(Some(plaintext)) if plaintext == PLAINTEXT));
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
    criterion.final_summary();
}
