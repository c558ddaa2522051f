#!/usr/bin/env bash
# What the launcher promises, tried on a project of one source file (a real build would take minutes): any current
# directory, symlinks, spaces, concurrent calls, interrupted builds, stale sources, exit codes, missing packages.
# Usage: launcher_test.sh PATH_OF_THE_LAUNCHER
set -euo pipefail
unset MOESIM_CMAKE_ARGS MOESIM_JOBS
export CCACHE_DISABLE=1
launcher=$(readlink -f -- "$1")
work=$(mktemp -d)
export TMPDIR=$work  # of compilers that get killed
trap 'rm -rf -- "$work"' EXIT
tree="$work/a tree with spaces"
failures=0

# Usage: expect WHAT EXPECTED ACTUAL
expect() {
  if [[ $2 == "$3" ]]; then echo "ok: $1"; else
    printf 'FAILED: %s\n  expected: %s\n  found:    %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
  fi
}
write_main() { printf '#include <cstdio>\nint main(int argc, char** argv) { std::printf("%s");\n%s }\n' "$1" "$2" >"$tree/sim/main.cpp"; }
call() { (cd "$1" && shift && "$@" 2>"$work/stderr") || echo "exit $?"; }

mkdir -p "$tree/sim" "$tree/models" "$work/bin"
cp "$launcher" "$tree/moesim"
cat >"$tree/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.22)
project(small CXX)
option(MOESIM_TESTS "" ON)
option(MOESIM_LOUD "" OFF)
file(GLOB sources CONFIGURE_DEPENDS sim/*.cpp)
add_executable(moesim ${sources})
target_compile_definitions(moesim PRIVATE LOUD=$<BOOL:${MOESIM_LOUD}>)
if(MOESIM_TESTS)
  enable_testing()
  add_test(NAME passes COMMAND moesim)
  add_test(NAME fails COMMAND moesim one two)
endif()
CMAKE
write_main 'one %d' 'return argc == 3 ? 7 : 0; (void)argv;'
sed -i 's/std::printf("one %d")/std::printf("one %d\\n", LOUD)/' "$tree/sim/main.cpp"

expect "the first call builds and runs, from another directory" "one 0" "$(call / "$tree/moesim")"
expect "... saying so in one line on stderr" 1 "$(wc -l <"$work/stderr")"
expect "... and without the tests" "MOESIM_TESTS:BOOL=OFF" "$(grep '^MOESIM_TESTS' "$tree/build/CMakeCache.txt")"
expect "the next call says nothing more" "one 0|" "$(call "$tree" ./moesim)|$(cat "$work/stderr")"
ln -s "$tree/moesim" "$work/bin/linked"
expect "a symlink works" "one 0" "$(call / "$work/bin/linked")"
expect "the exit code is the program's" $'one 0\nexit 7' "$(call / "$tree/moesim" a b)"

sleep 0.05
sed -i 's/one/two/' "$tree/sim/main.cpp"
expect "a changed source is rebuilt" "two 0" "$(call / "$tree/moesim")"
printf 'int used_by_nobody() { return 1; }\n' >"$tree/sim/other.cpp"
call / "$tree/moesim" >/dev/null
expect "an added source is built" 1 "$(find "$tree/build" -name 'other.cpp.o' | wc -l)"
rm "$tree/sim/other.cpp"
expect "a removed source does no harm" "two 0" "$(call / "$tree/moesim")"
expect "other cmake arguments are obeyed" "two 1" "$(MOESIM_CMAKE_ARGS=-DMOESIM_LOUD=ON call / "$tree/moesim")"
expect "... and forgotten" "two 0" "$(call / "$tree/moesim")"

echo 'syntax error' >>"$tree/sim/main.cpp"
expect "a failed build is exit 1" "exit 1" "$(call / "$tree/moesim")"
expect "... and shows the error" 1 "$(grep -c 'main.cpp:.*error:' "$work/stderr" | head -1 | sed 's/^[1-9].*/1/')"
expect "... again at the next call" "exit 1" "$(call / "$tree/moesim")"
sed -i '/syntax error/d' "$tree/sim/main.cpp"
expect "... until it is mended" "two 0" "$(call / "$tree/moesim")"

rm -rf "$tree/build"
for i in 1 2 3 4; do "$tree/moesim" >"$work/out.$i" 2>&1 & done
wait
expect "of four first calls at once one builds" 1 "$(grep -l 'building once' "$work"/out.? | wc -l)"
expect "... and all run" 4 "$(grep -lx 'two 0' "$work"/out.? | wc -l)"

for moment in 0.05 0.1 0.2 0.3 0.4 0.6 1.0; do
  rm -rf "$tree/build"
  (timeout -s KILL "$moment" "$tree/moesim" || true) &>/dev/null
  expect "recovers from being killed after $moment s" "two 0" "$(call / "$tree/moesim")"
done
mv "$tree" "$work/moved"
tree="$work/moved"
expect "a moved tree is configured anew" "two 0" "$(call / "$tree/moesim")"

expect "test passes ctest's exit code on" 8 "$("$tree/moesim" test &>"$work/test.log" || echo $?)"
expect "... with ctest's summary" 1 "$(grep -c '50% tests passed, 1 tests failed out of 2' "$work/test.log")"
expect "test passes arguments on" 1 "$("$tree/moesim" test -R passes 2>&1 | grep -c '100% tests passed')"
expect "no test at all is an error" 8 "$("$tree/moesim" test -R nothing &>/dev/null || echo $?)"

# A machine without gnuplot, and a user who may not install: stands in for both by what the launcher can see.
for tool in bash readlink mkdir flock find cat; do ln -s "$(command -v "$tool")" "$work/bin/$tool"; done
printf '#!/bin/sh\nexit 1\n' >"$work/bin/sudo"
printf '#!/bin/sh\necho "apt-get was called" >&2\nexit 100\n' >"$work/bin/apt-get"
printf '#!/bin/sh\nexec "$@"\n' >"$work/bin/env"
ln -s "$(command -v tail)" "$work/bin/tail"
chmod +x "$work"/bin/{sudo,apt-get,env}
rm -rf "$tree/build"
expect "missing packages are exit 2" "exit 2" "$(PATH=$work/bin call / "$tree/moesim")"
expect "... with the command to type" 1 "$(grep -c 'apt-get update && apt-get install .*gnuplot-nox' "$work/stderr")"

((failures == 0)) || { echo "$failures failed"; exit 1; }
