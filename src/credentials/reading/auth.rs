//! `auth`: base64 of `user:password`.

use super::super::{DockerConfigError, RegistryKey};
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// `StdEncoding` of Go's `encoding/base64`: trailing bits may be anything.
const PADDED: GeneralPurpose = engine(DecodePaddingMode::RequireCanonical);
/// `RawStdEncoding`.
const UNPADDED: GeneralPurpose = engine(DecodePaddingMode::RequireNone);

const fn engine(padding: DecodePaddingMode) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(padding);
    GeneralPurpose::new(&STANDARD, config)
}

/// What is wrong with an `auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthFault {
    Base64,
    NoColon,
}

impl AuthFault {
    pub fn of(self, key: &RegistryKey) -> DockerConfigError {
        match self {
            Self::Base64 => DockerConfigError::Base64 { key: key.clone() },
            Self::NoColon => DockerConfigError::NoColon { key: key.clone() },
        }
    }
}

/// User name and password, as `decodeDockerConfigFieldAuth` of the kubelet's
/// `pkg/credentialprovider/config.go` has them: padded or not, line ends within are passed over,
/// other white space is not, and nothing is trimmed.
pub fn decode(auth: &[u8]) -> Result<(Vec<u8>, Vec<u8>), AuthFault> {
    let digits: Vec<u8> = auth.iter().copied().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
    let engine = match digits.ends_with(b"=") {
        true => PADDED,
        false => UNPADDED,
    };
    let mut username = engine.decode(digits).map_err(|_| AuthFault::Base64)?;
    let colon = username.iter().position(|b| *b == b':').ok_or(AuthFault::NoColon)?;
    let password = username.split_off(colon + 1);
    username.truncate(colon);
    Ok((username, password))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::padded("dTpw", Ok(("u", "p")))]
    #[case::padded("dTpwdw==", Ok(("u", "pw")))]
    #[case::unpadded("dTpwdw", Ok(("u", "pw")))]
    #[case::trailing_bits("dTpwdx==", Ok(("u", "pw")))]
    #[case::wrapped("dTpw\r\ndw==\n", Ok(("u", "pw")))]
    #[case::padding_parted_by_a_line_end("dTpwdw=\n=", Ok(("u", "pw")))]
    #[case::colons_in_the_password("dTpwOnE=", Ok(("u", "p:q")))]
    #[case::nothing_on_both_sides("Og==", Ok(("", "")))]
    #[case::a_nul_is_kept("dTpwAA==", Ok(("u", "p\0")))]
    #[case::no_colon("dXA=", Err(AuthFault::NoColon))]
    #[case::only_a_line_end("\n", Err(AuthFault::NoColon))]
    #[case::half_padded("dTpwdw=", Err(AuthFault::Base64))]
    #[case::too_much_padding("dTpw=", Err(AuthFault::Base64))]
    #[case::one_digit_over("dTpwd", Err(AuthFault::Base64))]
    #[case::leading_space(" dTpw", Err(AuthFault::Base64))]
    #[case::trailing_space("dTpwdw== ", Err(AuthFault::Base64))]
    #[case::url_alphabet("dTpw_-__", Err(AuthFault::Base64))]
    #[case::padding_in_the_middle("dQ==OnA=", Err(AuthFault::Base64))]
    #[case::not_encoded("u:p", Err(AuthFault::Base64))]
    fn fault_45_auth_is_decoded_as_the_kubelet_does(
        #[case] auth: &str,
        #[case] expected: Result<(&str, &str), AuthFault>,
    ) {
        let expected = expected.map(|(user, password)| (user.into(), password.into()));
        assert_eq!(decode(auth.as_bytes()), expected, "{auth:?}");
    }
}
