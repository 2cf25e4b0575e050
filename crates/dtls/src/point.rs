//! Public keys on P-256 and P-384. Only uncompressed points are read (RFC 8422, section
//! 5.4.1): they are the only ones that a client may offer (section 5.1.2), so no server may
//! send others, and no public authority has a key of another form. What would decompress
//! a point takes 2 KB of a board's flash.

use p256::elliptic_curve::point::AffineCoordinates;

/// Of an uncompressed point.
const UNCOMPRESSED: u8 = 4;

/// The point of these bytes, if it is uncompressed, and on the curve. It is never the
/// point at infinity, which has no coordinates.
#[inline]
fn point<P, const LEN: usize>(bytes: &[u8]) -> Option<P>
where
    P: AffineCoordinates,
    P::FieldRepr: From<[u8; LEN]>,
{
    let (&UNCOMPRESSED, coordinates) = bytes.split_first()? else { return None };
    let (x, y) = coordinates.split_first_chunk::<LEN>()?;
    let y: &[u8; LEN] = y.try_into().ok()?;
    P::from_coordinates(&(*x).into(), &(*y).into()).into()
}

/// The key of 65 bytes on P-256.
pub(crate) fn p256(bytes: &[u8]) -> Option<p256::PublicKey> {
    p256::PublicKey::from_affine(point::<_, 32>(bytes)?).ok()
}

/// The key of 97 bytes on P-384.
#[cfg(feature = "p384")]
pub(crate) fn p384(bytes: &[u8]) -> Option<p384::PublicKey> {
    p384::PublicKey::from_affine(point::<_, 48>(bytes)?).ok()
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use openssl::bn::BigNumContext;
    use openssl::ec::{EcGroup, EcKey, PointConversionForm};
    use openssl::nid::Nid;

    use super::*;

    /// Points of random keys by OpenSSL: compressed, uncompressed, hybrid.
    fn forms(curve: Nid) -> [Vec<u8>; 3] {
        let group = EcGroup::from_curve_name(curve).expect("a curve");
        let key = EcKey::generate(&group).expect("a key");
        let mut numbers = BigNumContext::new().expect("memory");
        [
            PointConversionForm::COMPRESSED,
            PointConversionForm::UNCOMPRESSED,
            PointConversionForm::HYBRID,
        ]
        .map(|form| key.public_key().to_bytes(&group, form, &mut numbers).expect("a point"))
    }

    /// What is read of each point, each cut and lengthened, and each with a bit that is wrong.
    fn only_uncompressed_points_are_read(curve: Nid, reads: impl Fn(&[u8]) -> bool) {
        for _ in 0..20 {
            let [compressed, uncompressed, hybrid] = forms(curve);
            assert!(reads(&uncompressed));
            assert!(!reads(&compressed));
            assert!(!reads(&hybrid));
            assert!(!reads(&uncompressed[..uncompressed.len() - 1]));
            assert!(!reads(&[&uncompressed[..], &[0]].concat()));
            for at in [1, uncompressed.len() / 2, uncompressed.len() - 1] {
                let mut off_curve = uncompressed.clone();
                off_curve[at] ^= 1;
                assert!(!reads(&off_curve));
            }
            let mut above_the_prime = uncompressed.clone();
            above_the_prime[1..=uncompressed.len() / 2].fill(0xff);
            assert!(!reads(&above_the_prime));
        }
        // The point at infinity, nothing, and no curve's coordinates.
        for bytes in [&[0_u8][..], &[], &[4], &[4; 65], &[4; 97]] {
            assert!(!reads(bytes));
        }
    }

    #[test]
    fn only_uncompressed_points_on_p256_are_read() {
        only_uncompressed_points_are_read(Nid::X9_62_PRIME256V1, |bytes| p256(bytes).is_some());
    }

    #[cfg(feature = "p384")]
    #[test]
    fn only_uncompressed_points_on_p384_are_read() {
        only_uncompressed_points_are_read(Nid::SECP384R1, |bytes| p384(bytes).is_some());
    }
}
