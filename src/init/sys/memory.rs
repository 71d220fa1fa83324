//! What a small process inside a large binary can give back.

use nix::libc;

/// Frees heap at its end and stack below this function, and forgets the pages of the program that were only needed to
/// get here. The kernel has them in its cache and brings back the few that are needed again.
pub fn shrink() {
    trim_heap();
    let here = 0u8;
    // This function's frame and that of the call are within this page and the one below it.
    let end = (&raw const here as usize & !(PAGE_BYTES as usize - 1)) - PAGE_BYTES as usize;
    // SAFETY: nobody has anything on the stack there.
    unsafe {
        libc::madvise((end - USED_STACK_BYTES) as *mut libc::c_void, USED_STACK_BYTES, libc::MADV_DONTNEED);
    }
    for (address, length) in unchanging_segments() {
        // SAFETY: the segment is mapped from a file and never written to, so what comes back is what was there.
        unsafe {
            libc::madvise(address as *mut libc::c_void, length, libc::MADV_DONTNEED);
        }
    }
}

/// Freed heap between what is in use goes too.
pub fn trim_heap() {
    // SAFETY: it gives back nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// More than a start needs; the kernel passes over what is not mapped.
const USED_STACK_BYTES: usize = 64 * 1024;

/// Address and length of the program's code and constants, in whole pages.
fn unchanging_segments() -> impl Iterator<Item = (usize, usize)> {
    // SAFETY: the kernel has put the table of segments there for the life of the process.
    let headers: &[libc::Elf64_Phdr] = unsafe {
        let first = libc::getauxval(libc::AT_PHDR) as *const libc::Elf64_Phdr;
        if first.is_null() {
            &[]
        } else {
            std::slice::from_raw_parts(first, libc::getauxval(libc::AT_PHNUM) as usize)
        }
    };
    // The table follows the header of the file, which the first segment begins with.
    let file = headers.as_ptr() as u64 - size_of::<libc::Elf64_Ehdr>() as u64;
    let is_first = |header: &&libc::Elf64_Phdr| header.p_type == libc::PT_LOAD && header.p_offset == 0;
    let first = headers.iter().find(is_first);
    let unchanging = move |header: &&libc::Elf64_Phdr| {
        first.is_some() && header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0
    };
    let moved = first.map_or(0, |first| file.wrapping_sub(first.p_vaddr));
    headers.iter().filter(unchanging).map(move |header| {
        let begin = header.p_vaddr.wrapping_add(moved) & !(PAGE_BYTES - 1);
        let end = header.p_vaddr.wrapping_add(moved) + header.p_filesz;
        (begin as usize, (end - begin) as usize)
    })
}

/// The smallest there is: a begin rounded down to it is refused where pages are larger, which costs nothing.
const PAGE_BYTES: u64 = 4096;
