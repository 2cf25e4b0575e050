//! How long a session takes to seal a record and to open one, by suite, beside a
//! server in this process whose cryptography is OpenSSL's:
//!
//! ```text
//! cargo bench -p iot-coap-dtls --bench records
//! ```

use criterion::{BatchSize, Criterion, Throughput};
use iot_coap_dtls::Datagram;
use iot_coap_test_support::scripted::messages::APPLICATION_DATA;
use iot_coap_test_support::scripted::{Pair, Suite};

/// As a post or its answer.
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
                    let read = client.read(&mut Datagram::new(record), 0);
                    assert!(matches!(read, Ok(Some(plaintext)) if plaintext == PLAINTEXT));
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
    criterion.final_summary();
}
