//! Where people go after they signed in: a path of this installation, and nothing that a browser could read otherwise.

use url::Url;

use crate::Error;

const LONGEST: usize = 1024;

/// Refuses what is no path here. Browsers drop tabs and ends of lines, and read `\` as `/`; `//` begins a host.
pub(crate) fn check(path: &str) -> Result<(), Error> {
    let plain = path.len() <= LONGEST && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if plain && path.starts_with('/') && stays(path) {
        return Ok(());
    }
    Err(Error::field("redirect_after", "this is no path of this installation"))
}

fn stays(path: &str) -> bool {
    let here = Url::parse("https://here.invalid/").expect("the address is written here and is one");
    here.join(path).is_ok_and(|there| there.origin() == here.origin() && !there.path().starts_with("//"))
}
