//! How long the codec takes for the messages of a post:
//!
//! ```text
//! cargo bench -p iot-coap-client --bench codec_times
//! ```

mod post;

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use iot_coap_client::MAX_MESSAGE_LEN;

fn main() {
    let mut buffer = [0; MAX_MESSAGE_LEN];
    let len = post::encode(&mut buffer, 7).expect("it fits");
    let request = buffer[..len].to_vec();
    let len = post::encode_answer(&mut buffer).expect("it fits");
    let answer = buffer[..len].to_vec();

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(1));
    let mut id = 0_u16;
    group.bench_function("encode a request of 272 bytes", |bencher| {
        bencher.iter(|| {
            id = id.wrapping_add(1);
            post::encode(black_box(&mut buffer), id)
        });
    });
    group.bench_function("decode a request of 272 bytes", |bencher| {
        bencher.iter(|| post::decode(&request));
    });
    group.bench_function("decode its answer", |bencher| {
        bencher.iter(|| post::decode(&answer));
    });
    group.finish();
    criterion.final_summary();
}
