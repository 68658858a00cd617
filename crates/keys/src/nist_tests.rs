//! NIST's own examples (`testdata/nist.txt`), and the forms of keys that others read.

use crate::{Hidden, KeySpec, MacAlgorithm, Material, symmetric};

#[test]
fn what_nist_gives_comes_out() {
    let text = include_str!("../testdata/nist.txt");
    let mut seen = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let bytes = |at: usize| match words[at] {
            "-" => Vec::new(),
            digits => hex::decode(digits).unwrap(),
        };
        let [key, nonce, bound, message, result] = [1, 2, 3, 4, 5].map(bytes);
        seen += 1;
        if words[0] == "gcm" {
            let opened = symmetric::open_by(&key, &nonce, &bound, &result).unwrap();
            assert_eq!(opened.expose(), &message[..], "{line}");
            continue;
        }
        let algorithm = MacAlgorithm::named(words[0]).unwrap();
        let code = crate::mac::generate(algorithm, &Hidden::new(key), &message);
        assert_eq!(code, result, "{line}");
    }
    assert_eq!(seen, 8);
}

#[test]
fn keys_of_ml_kem_are_named_and_as_long_as_they_say() {
    for (name, last) in [("ML_KEM_512", 1), ("ML_KEM_768", 2), ("ML_KEM_1024", 3)] {
        let made = Material::generate(KeySpec::named(name).unwrap()).unwrap();
        let oid = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, last];
        for der in [made.public_key().unwrap(), made.bytes().expose().to_vec()] {
            let length = usize::from(der[2]) * 256 + usize::from(der[3]);
            assert_eq!(
                (der[0], der[1], length + 4),
                (0x30, 0x82, der.len()),
                "{name}"
            );
            assert!(der[..30].windows(9).any(|window| window == oid), "{name}");
        }
    }
}
