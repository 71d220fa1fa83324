//! What a small process inside a large binary can give back.

use nix::libc;

/// Frees heap at its end, and forgets the pages of the program that were only needed to get here. The kernel has them
/// in its cache and brings back the few that are needed again.
pub fn shrink() {
    // SAFETY: it gives back nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
    for (address, length) in unchanging_segments() {
        // SAFETY: the segment is mapped from a file and never written to, so what comes back is what was there.
        unsafe {
            libc::madvise(address as *mut libc::c_void, length, libc::MADV_DONTNEED);
        }
    }
}

/// Address and length of the program's code and constants, in whole pages.
fn unchanging_segments() -> Vec<(usize, usize)> {
    // SAFETY: the kernel has put the table of segments there for the life of the process.
    let headers = unsafe {
        let first = libc::getauxval(libc::AT_PHDR) as *const libc::Elf64_Phdr;
        if first.is_null() {
            return Vec::new();
        }
        std::slice::from_raw_parts(first, libc::getauxval(libc::AT_PHNUM) as usize)
    };
    // The table follows the header of the file, which the first segment begins with.
    let file = headers.as_ptr() as u64 - size_of::<libc::Elf64_Ehdr>() as u64;
    let is_first = |header: &&libc::Elf64_Phdr| header.p_type == libc::PT_LOAD && header.p_offset == 0;
    let Some(first) = headers.iter().find(is_first) else { return Vec::new() };
    let moved = file.wrapping_sub(first.p_vaddr);
    headers
        .iter()
        .filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0)
        .map(|header| {
            let begin = header.p_vaddr.wrapping_add(moved) & !(PAGE_BYTES - 1);
            let end = header.p_vaddr.wrapping_add(moved) + header.p_filesz;
            (begin as usize, (end - begin) as usize)
        })
        .collect()
}

/// The smallest there is: a begin rounded down to it is refused where pages are larger, which costs nothing.
const PAGE_BYTES: u64 = 4096;
