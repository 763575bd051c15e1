#!/bin/sh
# Builds the shipped modules as components that import nothing but the contract.
#
# Usage: guest-sdk/build-modules.sh [PACKAGE...]     (default: split group pca)
# Output: ${MILLRACE_MODULES_DIR:-target/modules}/PACKAGE.wasm
#
# Quick when nothing changed: cargo decides what to build, and only a module whose bytes are new is
# checked and copied.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

target=wasm32-unknown-unknown
target_dir=${CARGO_TARGET_DIR:-$root/target}
modules_dir=${MILLRACE_MODULES_DIR:-$root/target/modules}
debian_bin=/usr/lib/rustlib/$(uname -m)-unknown-linux-gnu/bin
[ $# -gt 0 ] || set -- split group pca

say() { printf '%s\n' "$*" >&2; }

# Whether the cargo in PATH can build for the target: its standard library and its linker are there.
has_target() {
    command -v cargo >/dev/null && command -v rustc >/dev/null || return 1
    libraries=$(rustc --print target-libdir --target "$target" 2>/dev/null) || return 1
    host=$(rustc -vV | sed -n 's/^host: //p')
    [ -d "$libraries" ] && [ -x "$(rustc --print sysroot)/lib/rustlib/$host/bin/wasm-component-ld" ]
}

# 0 where rustup has or could fetch the target; never waits long for a registry that is not there.
rustup_target() {
    command -v rustup >/dev/null || return 1
    say "adding the target $target with rustup"
    timeout 120 rustup target add "$target" >&2 && has_target
}

# Debian's toolchain ships the standard library as source, so it is built along with the modules.
has_debian() {
    [ -x /usr/bin/cargo ] && [ -x "$debian_bin/wasm-component-ld" ] && [ -d /usr/lib/rustlib/src/rust/library ]
}

cargo_build() {
    packages=
    for package in "$@"; do packages="$packages -p $package"; done
    unset CARGO_ENCODED_RUSTFLAGS
    flags="-Clinker=wasm-component-ld -Ctarget-feature=+simd128 --remap-path-prefix=$root=/millrace"
    # shellcheck disable=SC2086 # a list of words
    RUSTFLAGS=$flags $cargo build --locked --profile module --target "$target" --target-dir "$build_dir" $cargo_options $packages
}

cargo=cargo
cargo_options=
build_dir=$target_dir
if [ "${MILLRACE_MODULES_TOOLCHAIN:-}" != debian ] && { has_target || rustup_target; }; then
    cargo_build "$@"
elif has_debian; then
    cargo=/usr/bin/cargo
    cargo_options="-Zbuild-std=std,panic_abort"
    build_dir=$target_dir/debian
    PATH=$debian_bin:/usr/bin:/bin RUSTC_BOOTSTRAP=1 cargo_build "$@"
else
    say "error: no Rust toolchain here can build for $target. Either of these adds one:"
    say "  rustup target add $target"
    say "  apt-get install --no-install-recommends rustc-web cargo-web rust-web-src rust-web-llvm lld-22"
    exit 1
fi

checker=$target_dir/module-imports
if [ ! -x "$checker" ] || [ guest-sdk/module-imports.rs -nt "$checker" ]; then
    rustc --edition 2024 -o "$checker" guest-sdk/module-imports.rs
fi
mkdir -p "$modules_dir"
for package in "$@"; do
    built=$build_dir/$target/module/$(printf %s "$package" | tr - _).wasm
    cmp -s "$built" "$modules_dir/$package.wasm" && continue
    "$checker" "$built"
    cp "$built" "$modules_dir/.$package.new"
    mv "$modules_dir/.$package.new" "$modules_dir/$package.wasm"
    say "$modules_dir/$package.wasm: $(wc -c <"$built") bytes"
done
