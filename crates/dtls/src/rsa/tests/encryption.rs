//! Encryption by RSA, and that its time does not depend on the secret.

use super::*;

#[test]
fn what_is_encrypted_is_what_openssl_decrypts() {
    for bits in [2048, 3072, 4096] {
        let (key, der) = key(bits);
        let ours = PublicKey::from_der(&der).expect("a key");
        let secret: [u8; 48] = std::array::from_fn(|at| at as u8);
        let mut random = SystemRandom::default();
        let mut decrypted = vec![0; key.size() as usize];
        let mut encrypted = Vec::new();
        ours.encrypt_pkcs1(&mut random, &secret, |bytes| encrypted.extend_from_slice(bytes))
            .expect("it is short enough");
        let len = key.private_decrypt(&encrypted, &mut decrypted, Padding::PKCS1).expect("padded");
        assert_eq!(decrypted[..len], secret);
        // Decrypt without removing the padding.
        let len = key.private_decrypt(&encrypted, &mut decrypted, Padding::NONE).expect("a number");
        let end = len - 48;
        assert_eq!((&decrypted[..2], decrypted[end - 1]), (&[0, 2][..], 0));
        assert!(decrypted[2..end - 1].iter().all(|byte| *byte != 0), "{decrypted:02x?}");
        let longest = key.size() as usize - 11;
        let encrypt = |random: &mut SystemRandom, len| {
            ours.encrypt_pkcs1(random, &vec![1; len], |_| ()).is_ok()
        };
        assert!(encrypt(&mut random, longest) && !encrypt(&mut random, longest + 1));
    }
}

/// The name of the function below in valgrind.
const MEASURED: &str = "iot_coap_dtls::rsa::tests::encryption::measured_power";

/// The instructions of this function are counted.
#[inline(never)]
fn measured_power(modulus: &[u8], base: &[u8], result: &mut [u8]) {
    power(modulus, std::hint::black_box(base), 65537, result).expect("a power");
}

/// The test below runs this under valgrind.
#[test]
fn powers_of_any_secret() {
    let mut numbers = Numbers(3);
    let modulus = [0xd5; 256];
    let mut result = [0; 256];
    for fill in [0, 1, 0x80, 0xff] {
        let mut base = vec![fill; 256];
        base[..2].copy_from_slice(&[0, 2]);
        measured_power(&modulus, &base, &mut result);
    }
    for _ in 0..20 {
        let base = [&[0, 2], &numbers.bytes(254)[..]].concat();
        measured_power(&modulus, &base, &mut result);
    }
    // This shows that the measurement is sensitive.
    measured_power(&[0xd5; 260], &[1; 260], &mut [0; 260]);
}

/// The time does not reveal the premaster secret that is encrypted.
#[test]
fn powers_take_the_same_instructions_whatever_the_secret() {
    let test = "rsa::tests::encryption::powers_of_any_secret";
    let counts = instructions_of_each_call(MEASURED, test, &std::env::temp_dir());
    let (longer, counts) = counts.split_last().expect("calls");
    assert_eq!(counts.len(), 24);
    assert_ne!(*longer, counts[0]);
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
}
