//! Archives, read into memory.
//!
//! Limits are on what comes out, and not on what headers say. Links are refused: what one leads to is
//! nobody's to read.

use super::tree::{self, Tree};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use zip::ZipArchive;

/// How a submission is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Zip,
    Tar,
    TarGz,
}

/// The extensions.
const EXTENSIONS: [(&str, Format); 4] = [
    (".zip", Format::Zip),
    (".tar.gz", Format::TarGz),
    (".tgz", Format::TarGz),
    (".tar", Format::Tar),
];

impl Format {
    /// The format that a file's name tells, and the name without the extension.
    pub fn of(name: &str) -> Option<(Self, &str)> {
        EXTENSIONS.iter().find_map(|(extension, format)| {
            let (stem, end) = name.split_at_checked(name.len().checked_sub(extension.len())?)?;
            (end.eq_ignore_ascii_case(extension) && !stem.is_empty()).then_some((*format, stem))
        })
    }
}

/// Reads an archive.
pub fn read(path: &Path, format: Format) -> Result<Tree, String> {
    let file = File::open(path).map_err(|error| broken(&error))?;
    match format {
        Format::Zip => read_zip(Limited::new(file)),
        Format::Tar => read_tar(Limited::new(file)),
        Format::TarGz => read_tar(Limited::new(MultiGzDecoder::new(file))),
    }
}

fn broken(error: &dyn std::error::Error) -> String {
    format!("the archive is damaged, or not what its name says: {error}")
}

/// Reads from the inner one until there are more bytes than a submission may have.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R> Limited<R> {
    fn new(inner: R) -> Self {
        // What a tar has besides the files' contents is part of its size.
        Self { inner, left: tree::BYTES }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 && !buffer.is_empty() {
            return Err(io::Error::other(tree::too_large()));
        }
        let read = self.inner.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

fn read_zip(mut file: Limited<impl Read>) -> Result<Tree, String> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    let mut tree = Tree::default();
    for number in 0..archive.len() {
        let file = archive.by_index(number).map_err(|error| broken(&error))?;
        let name = tree::clean(&file.name().map_err(|error| broken(&error))?)?;
        if file.is_symlink() {
            return Err(is_a_link(&name));
        }
        if file.is_file() && tree::counts(&name) {
            tree.add(name, file)?;
        }
    }
    Ok(tree)
}

fn read_tar(stream: Limited<impl Read>) -> Result<Tree, String> {
    let mut archive = tar::Archive::new(stream);
    let mut tree = Tree::default();
    let result = add_entries(&mut archive, &mut tree);
    // Whatever tar made of it.
    if archive.into_inner().left == 0 {
        return Err(tree::too_large());
    }
    result.map(|()| tree)
}

fn add_entries(archive: &mut tar::Archive<impl Read>, tree: &mut Tree) -> Result<(), String> {
    for entry in archive.entries().map_err(|error| broken(&error))? {
        let entry = entry.map_err(|error| broken(&error))?;
        let name = tree::clean(&String::from_utf8_lossy(&entry.path_bytes()))?;
        let kind = entry.header().entry_type();
        if kind.is_symlink() || kind.is_hard_link() {
            return Err(is_a_link(&name));
        }
        if kind.is_file() && tree::counts(&name) {
            let size = entry.size();
            let before = tree.bytes();
            tree.add(name, entry)?;
            if tree.bytes() - before != size {
                return Err(broken(&io::Error::from(io::ErrorKind::UnexpectedEof)));
            }
        }
    }
    Ok(())
}

fn is_a_link(name: &str) -> String {
    format!("`{name}` is a link: pack the file itself")
}
