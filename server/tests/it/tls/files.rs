//! Certificates and keys, good and bad.

use std::path::{Path, PathBuf};

use domain::Timestamp;
use platform::Clock;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use server::config::TlsFiles;
use server::tls::{Reload, Tls};
use tokio_rustls::rustls::pki_types::CertificateDer;

/// Signs what clients of the test believe.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(super) root: CertificateDer<'static>,
}

/// A certificate for this machine and its key, in PEM.
pub(super) struct Certificate {
    pub(super) cert: String,
    pub(super) key: String,
    pub(super) der: Vec<u8>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "authority of one test");
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().der().clone();
        Self {
            issuer: Issuer::new(params, key),
            root,
        }
    }

    pub(super) fn certificate(&self) -> Certificate {
        self.certificate_between(2000, 4000)
    }

    fn certificate_between(&self, from: i32, until: i32) -> Certificate {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned).to_vec();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Certificate {
            cert: cert.pem(),
            key: key.serialize_pem(),
            der: cert.der().to_vec(),
        }
    }
}

/// Where a server looks for its pair.
pub(super) struct Files {
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    pub(super) fn in_dir(dir: &Path) -> Self {
        Self {
            cert: dir.join("cert.pem"),
            key: dir.join("key.pem"),
        }
    }

    pub(super) fn paths(&self) -> [&str; 2] {
        [&self.cert, &self.key].map(|path| path.to_str().unwrap())
    }

    pub(super) fn write(&self, pair: &Certificate) {
        self.write_text(&pair.cert, &pair.key);
    }

    fn write_text(&self, cert: &str, key: &str) {
        std::fs::write(&self.cert, cert).unwrap();
        std::fs::write(&self.key, key).unwrap();
    }

    fn open(&self, now: Timestamp) -> Result<Tls, String> {
        let files = TlsFiles {
            cert: self.cert.clone(),
            key: self.key.clone(),
        };
        Tls::open(files, now).map_err(|error| format!("{error:#}"))
    }
}

#[test]
fn what_can_not_be_used_is_named_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let (files, authority) = (Files::in_dir(dir.path()), Authority::new());
    let now = Clock::System.now();
    let refused = |wanted: &[&str]| {
        let Err(error) = files.open(now) else {
            panic!("the pair was taken: {wanted:?}")
        };
        for part in wanted {
            assert!(error.contains(part), "{part} in {error}");
        }
    };
    refused(&["VOLARY_TLS_CERT", "cert.pem can not be read"]);

    let good = authority.certificate();
    let other = authority.certificate();
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIF\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIF\n-----END RSA PRIVATE KEY-----\n";
    let ended = authority.certificate_between(2000, 2020);
    let coming = authority.certificate_between(3999, 4000);
    let cases: [(&str, &str, [&str; 2]); 7] = [
        (
            &good.cert,
            &other.key,
            ["VOLARY_TLS_KEY", "is not the key of"],
        ),
        (&good.cert, encrypted, ["VOLARY_TLS_KEY", "is encrypted"]),
        (&good.cert, old, ["VOLARY_TLS_KEY", "openssl pkey"]),
        (&good.cert, "", ["VOLARY_TLS_KEY", "holds no private key"]),
        (
            &good.key,
            &good.key,
            ["VOLARY_TLS_CERT", "holds no certificate"],
        ),
        (
            &ended.cert,
            &ended.key,
            ["VOLARY_TLS_CERT", "ended on 2020-01-01"],
        ),
        (
            &coming.cert,
            &coming.key,
            ["VOLARY_TLS_CERT", "begins on 3999-01-01"],
        ),
    ];
    for (cert, key, wanted) in cases {
        files.write_text(cert, key);
        refused(&wanted);
    }
    let damaged = good.cert.replace("-----END", "-----SEND");
    files.write_text(&damaged, &good.key);
    refused(&["VOLARY_TLS_CERT", "is damaged"]);
    let damaged = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    files.write_text(&good.cert, damaged);
    refused(&["VOLARY_TLS_KEY", "can not be used"]);
    files.write(&good);
    assert!(files.open(now).is_ok());
}

#[test]
fn the_pair_in_use_stays_until_there_is_a_better_one() {
    let dir = tempfile::tempdir().unwrap();
    let (files, authority) = (Files::in_dir(dir.path()), Authority::new());
    let now = Clock::System.now();
    files.write(&authority.certificate());
    let tls = files.open(now).unwrap();
    assert!(matches!(tls.reload(now), Reload::Unchanged));
    let first = std::fs::read_to_string(&files.key).unwrap();

    let next = authority.certificate();
    files.write_text(&next.cert, &first);
    assert!(matches!(tls.reload(now), Reload::Refused(_)));
    assert!(
        matches!(tls.reload(now), Reload::Unchanged),
        "every complaint is made once"
    );
    files.write(&next);
    assert!(matches!(tls.reload(now), Reload::Swapped));
    assert!(matches!(tls.reload(now), Reload::Unchanged));
    std::fs::remove_file(&files.cert).unwrap();
    assert!(matches!(tls.reload(now), Reload::Refused(_)));

    // What begins later is taken up then, though nothing is written any more.
    let coming = authority.certificate_between(3000, 4000);
    files.write(&coming);
    assert!(matches!(tls.reload(now), Reload::Refused(_)));
    let then = "3000-06-01T00:00:00Z".parse().unwrap();
    assert!(matches!(tls.reload(then), Reload::Swapped));
}
