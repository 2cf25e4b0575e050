//! Signatures by RSA-PSS.

use super::*;

/// A key whose modulus has exactly this many bits. OpenSSL makes no keys with an odd number
/// of bits.
fn exact_key(bits: i32) -> (Rsa<Private>, Vec<u8>) {
    use openssl::bn::BigNumContext;
    use openssl::rsa::RsaPrivateKeyBuilder;

    // The two highest bits of each prime are set.
    let prime = |bits| {
        let mut prime = BigNum::new().expect("a number");
        prime.generate_prime(bits, false, None, None).expect("a prime");
        prime
    };
    let mut context = BigNumContext::new().expect("a context");
    let exponent = BigNum::from_u32(65537).expect("a number");
    loop {
        let (first, second) = (prime(bits - bits / 2), prime(bits / 2));
        let mut made = [(); 7].map(|()| BigNum::new().expect("a number"));
        let [modulus, phi, private, dmp1, dmq1, iqmp, one] = &mut made;
        one.add_word(1).expect("one");
        let (first_less_1, second_less_1) = (&*first - &**one, &*second - &**one);
        modulus.checked_mul(&first, &second, &mut context).expect("a product");
        phi.checked_mul(&first_less_1, &second_less_1, &mut context).expect("a product");
        if private.mod_inverse(&exponent, phi, &mut context).is_err() {
            continue;
        }
        dmp1.nnmod(private, &first_less_1, &mut context).expect("a number");
        dmq1.nnmod(private, &second_less_1, &mut context).expect("a number");
        iqmp.mod_inverse(&second, &first, &mut context).expect("a number");
        assert_eq!(modulus.num_bits(), bits);
        let [modulus, _, private, dmp1, dmq1, iqmp, _] = made;
        let public = exponent.to_owned().expect("a number");
        let key = RsaPrivateKeyBuilder::new(modulus, public, private).expect("a key");
        let key = key.set_factors(first, second).expect("a key");
        let key = key.set_crt_params(dmp1, dmq1, iqmp).expect("a key").build();
        let der = key.public_key_to_der_pkcs1().expect("a public key");
        return (key, der);
    }
}

/// Moduli have every length modulo 8, which changes the unused bits. Salts have the right
/// length and other lengths.
#[test]
fn pss_signatures_of_openssl_are_valid_and_no_others() {
    use openssl::sign::RsaPssSaltlen;

    let mut numbers = Numbers(11);
    for at in 0..9 * setting("RSA_KEYS", 1) {
        let bits = 2048 + (at % 9) as i32;
        let (key, der) = exact_key(bits);
        let ours = PublicKey::from_der(&der).expect("a key");
        let signing = PKey::from_rsa(key).expect("a key");
        let message = numbers.bytes(100);
        for digest in [MessageDigest::sha256(), MessageDigest::sha384(), MessageDigest::sha512()] {
            let verified = |message: &[u8], signature: &[u8]| match digest.size() {
                32 => ours.verify_pss::<Sha256>(message, signature),
                48 => ours.verify_pss::<Sha384>(message, signature),
                _ => ours.verify_pss::<Sha512>(message, signature),
            };
            let sign = |salt| {
                let mut signer = Signer::new(digest, &signing).expect("a signer");
                signer.set_rsa_padding(Padding::PKCS1_PSS).expect("a padding");
                signer.set_rsa_pss_saltlen(salt).expect("a salt");
                signer.sign_oneshot_to_vec(&message).expect("a signature")
            };
            let signature = sign(RsaPssSaltlen::DIGEST_LENGTH);
            assert!(verified(&message, &signature), "{bits} bits");
            assert!(!verified(&message[1..], &signature));
            for other in [RsaPssSaltlen::custom(0), RsaPssSaltlen::MAXIMUM_LENGTH] {
                assert!(!verified(&message, &sign(other)));
            }
            let at = numbers.next() as usize % signature.len();
            let mut changed = signature.clone();
            changed[at] ^= 1 << (numbers.next() % 8);
            assert!(!verified(&message, &changed));
            assert!(!verified(&message, &signature[1..]));
            assert!(!ours.verify_pkcs1::<Sha256>(&message, &signature));
        }
    }
}

/// Encodings with one or two changed bits, signed by the key, compared with the crate.
#[test]
fn pss_signatures_that_are_encoded_otherwise_are_refused() {
    use openssl::sign::RsaPssSaltlen;

    for bits in [2048, 2049, 2055] {
        let (key, der) = exact_key(bits);
        let ours = PublicKey::from_der(&der).expect("a key");
        let theirs = rsa::PublicKey::from_pkcs1_der(&der).expect("a key");
        let signing = PKey::from_rsa(key.clone()).expect("a key");
        let encoding = || {
            let mut signer = Signer::new(MessageDigest::sha256(), &signing).expect("a signer");
            signer.set_rsa_padding(Padding::PKCS1_PSS).expect("a padding");
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).expect("a salt");
            let signature = signer.sign_oneshot_to_vec(b"a message").expect("a signature");
            let mut encoding = vec![0; signature.len()];
            key.public_decrypt(&signature, &mut encoding, Padding::NONE).expect("an encoding");
            encoding
        };
        let modulus = key.n().to_vec();
        // The highest bit of the modulus must not be set in an encoding. A number above the
        // modulus cannot be signed, so the encoding must stay below it with this bit.
        let highest = 0x80 >> modulus[0].leading_zeros();
        let stays_below =
            |encoding: &Vec<u8>| [&[encoding[0] | highest], &encoding[1..]].concat() < modulus;
        let right = std::iter::repeat_with(encoding).find(stays_below).expect("an encoding");
        let verified = |encoded: &[u8]| {
            let signature = sign_encoded(&key, encoded);
            let theirs = theirs.pss_verify::<Sha256>(b"a message", &signature).is_ok();
            (ours.verify_pss::<Sha256>(b"a message", &signature), theirs)
        };
        assert_eq!(verified(&right), (true, true), "{bits} bits");
        for at in 0..right.len() {
            for bit in [1, highest] {
                let mut wrong = right.clone();
                wrong[at] ^= bit;
                if wrong < modulus {
                    assert_eq!(verified(&wrong), (false, false), "{bits} bits, byte {at}");
                }
            }
        }
    }
}
