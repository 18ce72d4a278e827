# "make help" lists what can be made. Needs GNU make and gcc or clang. Here is what a user and a learner
# need; tests/tests.mk has the tests, and lessons/lessons.mk what keeps the course right.

# These are arguments: they count on make's command line. Others export such names for their own purposes.
ARGUMENTS = ARGS BOOK BUILD CHALLENGE CLIENT FORCE LESSON MISTAKE ROUNDS SECONDS SOAK UPDATE V VARIANT WORKSHOP \
	ALONE BROWSER FAIL_FAST FOREIGN LEARN PART PASSED_LESSON SANITIZE TOUR_CLIENT TOUR_TRANSCRIPT \
	TRANSCRIPT WAIT_S
$(foreach name,$(ARGUMENTS),$(if $(filter environment,$(origin $(name))),$(eval undefine $(name))))
# The programs that are started speak one language, and find what they always find.
export LC_ALL = C.UTF-8
unexport LANGUAGE CDPATH GREP_OPTIONS POSIXLY_CORRECT PYTHONHOME PYTHONPATH

# How a text is written for the shell, and in C.
quoted = '$(subst ','\'',$1)'
in_c = "$(subst ",\",$(subst \,\\,$1))"
# Nothing is said of a command, so that a compiler's error stands alone. V=1 shows each.
Q = $(if $(V),,@)
# Makes the folder of what is made.
FOLDER = @sh lessons/tools/folder.sh $(@D)

CFLAGS ?= -O2 -g
# A row of a table may leave its last fields out.
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wformat=2 -Werror=format-security \
	-Wno-missing-field-initializers
# What costs nothing and makes a mistake in memory end the program instead of being of use to somebody:
# checked copies (which need -O1 or more), guarded stacks, addresses that cannot be foretold, tables
# that cannot be changed.
HARDENING = $(if $(filter-out -O0,$(filter -O%,$(CFLAGS))),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2) \
	-fstack-protector-strong
LINK_HARDENING = -pie -Wl,-z,relro -Wl,-z,now
# _GNU_SOURCE: accept4, pthread_setname_np and pthread_timedjoin_np are not in POSIX.
ALL_CPPFLAGS = -D_GNU_SOURCE -I. -DCLIENT_DIRECTORY=$(call quoted,$(call in_c,$(CLIENT_DIRECTORY))) \
	$(CPPFLAGS)
ALL_CFLAGS = -std=c11 -fPIE $(WARNINGS) $(CFLAGS) $(HARDENING) $(VARIANT) -pthread
ALL_LDFLAGS = $(LINK_HARDENING) $(LDFLAGS)
LIBS = -lmd -lb64 -lz

# Where the program looks for the page's files.
CLIENT_DIRECTORY = $(CURDIR)/client
# Where "make install" puts all; DESTDIR, for who makes packages, is put before it.
PREFIX = /usr/local

# A variant of the program has its own folder for what is made, and its own flags.
BUILD ?= build/release
# In GitHub Codespaces, a browser comes by another address than the server's own.
FORWARDED = $(if $(CODESPACE_NAME),sh lessons/tools/forwarded.sh)
# With a lesson to check, SERVER is the command of any other program, from the environment, too:
# lessons/tools/workshop.py starts it.
ifneq ($(and $(LESSON),$(filter check,$(MAKECMDGOALS)),$(value SERVER)),)
export FOREIGN := $(value SERVER)
override SERVER = server
endif
SERVER = server

# Each part of the server has a header; server.c has main.
PARTS = $(basename $(wildcard *.h))
OBJECTS = $(PARTS:%=$(BUILD)/%.o)
SUITES = $(sort $(basename $(notdir $(wildcard tests/suites/*.c))))
SOURCES = $(wildcard *.[ch] $(foreach folder,suites harness system bench peers,tests/$(folder)/*.[ch]) \
	lessons/tools/*.[ch] lessons/challenges/*/answer/*.c)

# The Debian and Ubuntu packages: to build and run; to go through the lessons; to test.
PACKAGES = gcc libc6-dev make libb64-dev libmd-dev zlib1g-dev
WORKSHOP_PACKAGES = $(PACKAGES) libcunit1-dev gdb python3 curl netcat-openbsd xxd openssl procps
TEST_PACKAGES = $(WORKSHOP_PACKAGES) clang $(FUZZER_PACKAGE) clang-format clang-tidy cppcheck gawk \
	git patch util-linux zsh fish nginx fossil pandoc ca-certificates fonts-dejavu-core fonts-noto-color-emoji \
	help2man man-db mandoc tidy $(NODE_PACKAGES) $(PEER_PACKAGES)
# The clients that others wrote. Ubuntu has no firefox-esr; the tests leave it out there.
PEER_PACKAGES = python3-websockets python3-aiohttp python3-gi gir1.2-soup-3.0 libwebsockets-dev \
	libcurl4-openssl-dev $(FIREFOX_PACKAGE)
FIREFOX_PACKAGE = $$(apt-cache show firefox-esr >/dev/null 2>&1 && echo firefox-esr)
# Node.js may be there from elsewhere, with an npm that Debian's package would be in conflict with.
NODE_PACKAGES = $(shell command -v node >/dev/null || echo nodejs; command -v npm >/dev/null || echo npm)
# What clang's fuzzer needs is a package of its own, or where there is none, comes with clang. The shell
# asks, not make: make would ask before "apt-get update" has brought the list of packages.
FUZZER_PACKAGE = $$(apt-cache show libclang-rt-dev >/dev/null 2>&1 && echo libclang-rt-dev)
BENCH_PACKAGES = g++ libboost-dev libwebsockets-evlib-ev python3-matplotlib cloc
SUDO = $(shell test "$$(id -u)" = 0 || command -v sudo)
APT = $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get

.PHONY: all run install uninstall man deps test-deps debug-build bench-deps clean help help-all FORCE

all: $(SERVER) ## build ./server
	@$(if $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),,echo 'built ./$<$(if $(filter server,$<),: make run)')

run: $(SERVER) ## build it, start it, and print the page's address (ARGS="--port 9000")
	@$(FORWARDED) ./$(SERVER) --wire $(ARGS)

$(SERVER): $(BUILD)/server.o $(OBJECTS)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# The program holds the absolute name of client/: it must be built again where the folder was moved.
$(BUILD)/files.o: $(BUILD)/folder
$(BUILD)/folder: FORCE
	$(FOLDER)
	@printf '%s\n' $(call quoted,$(CLIENT_DIRECTORY)) | cmp -s - $@ || \
		printf '%s\n' $(call quoted,$(CLIENT_DIRECTORY)) >$@

$(BUILD)/%.o: %.c Makefile
	$(FOLDER)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $< || \
		sh lessons/tools/missing.sh $< $(CC) $(ALL_CPPFLAGS)

debug-build: ## build build/debug/server for a debugger: nothing optimised away
	@$(MAKE) --no-print-directory BUILD=build/debug SERVER=build/debug/server CFLAGS="-O0 -g3" \
		HARDENING=

install: ## install the server, its page and its man page (PREFIX=/usr/local)
	@case $(call quoted,$(PREFIX)) in /*) ;; *) echo "PREFIX must begin with a slash."; exit 1 ;; esac
	@$(MAKE) --no-print-directory BUILD=build/install SERVER=build/install/server \
		CLIENT_DIRECTORY=$(call quoted,$(PREFIX)/share/websocket-server)
	install -D build/install/server -t $(call quoted,$(DESTDIR)$(PREFIX)/bin)
	install -D -m 644 server.1 -t $(call quoted,$(DESTDIR)$(PREFIX)/share/man/man1)
	cd client && find . -type f ! -path '*/.*' ! -name package.json \
		-exec install -D -m 644 {} $(call quoted,$(DESTDIR)$(PREFIX)/share/websocket-server)/{} \;

uninstall: ## remove what "make install" has installed, with the same PREFIX
	cd $(call quoted,$(DESTDIR)$(PREFIX)) && rm -rf bin/server share/man/man1/server.1 share/websocket-server

man: $(SERVER) ## write the man page, server.1, from --help and server.h2m
	@sh tests/system/manual.sh ./$(SERVER) server.1

clean: ## remove all that was made
	rm -rf build server compile_commands.json

# Without what the compiler has written of headers.
MAKEFILES_READ = $(filter-out %.d,$(MAKEFILE_LIST))
help: ONLY = all run workshop check lesson mine watch solution debug doctor workshop-deps help-all
help: ## print the commands that are used most
help-all: ## print all commands
help help-all:
	@awk -F ':[^#]*## ' -v only=' $(ONLY) ' ' \
		/^# ---- / { gsub(/^# ---- | ----$$/, ""); heading = "\n" $$0 "\n" } \
		/^[a-z][a-z._-]*:[^#]*## / && (only == "  " || index(only, " " $$1 " ")) { \
			printf "%s  make %-22s %s\n", heading, $$1, $$2; heading = "" }' $(MAKEFILES_READ)

# ---- the workshop ----

.PHONY: workshop lesson mine watch solution doctor workshop-deps

# WORKSHOP=ann: all these commands are about the folder ann/ instead of workshop/.
CODE = $(or $(WORKSHOP),workshop)
MINE = $(if $(WORKSHOP),$(call quoted,build/mine-$(notdir $(WORKSHOP:/=))),build/mine)

workshop: ## the folder for your own code (LESSON=3: at the beginning of lesson 3; WORKSHOP=ann: in ann/)
	@$(if $(WORKSHOP),sh lessons/tools/folder.sh $(call quoted,$(WORKSHOP)) &&) \
		python3 lessons/tools/workshop.py begin "$${LESSON:-}"

ifneq ($(LESSON),)
check: ## LESSON=3: lesson 3's check, of workshop/ (or of SERVER="node my.js")
	@python3 lessons/tools/workshop.py check "$$LESSON"
else ifneq ($(CHALLENGE),)
check: ## CHALLENGE=clock: the same for a challenge, after the lessons
	@python3 lessons/tools/challenge.py "$$CHALLENGE"
endif

lesson: ## your way through the lessons: done, next, not yet
	@python3 lessons/tools/workshop.py path

mine: ## build the server in workshop/ and start it (ARGS="--port 9000")
	@test -d $(call quoted,$(CODE)) || { echo There is no $(call quoted,$(CODE))/ yet: make workshop makes it.; exit 1; }
	@mkdir -p build
	@python3 lessons/tools/build.py $(call quoted,$(CODE)) $(MINE)
	$(FORWARDED) $(MINE) $(ARGS)

watch: ## check the lesson you are at whenever a file in workshop/ changes
	@python3 lessons/tools/workshop.py watch

solution: ## LESSON=3: its functions, finished, when yours pass (or FORCE=1)
	@python3 lessons/tools/workshop.py solution "$${LESSON:-}"

doctor: ## is there all that the lessons need?
	@sh lessons/tools/doctor.sh

# ---- the debugger ----

.PHONY: debug

debug: ## a lesson's tour in gdb (LESSON=9; CLIENT=1: no browser is needed)
	@LESSON="$(LESSON)" CLIENT="$(CLIENT)" python3 lessons/tools/debug.py

# ---- what must be installed ----

# Says what to install, where there is no apt-get. Called with the packages.
define NEEDS_APT
@command -v apt-get >/dev/null || { \
	echo "There is no apt-get here. Please install what Debian calls"; \
	echo "    $(strip $(1))"; \
	echo "Elsewhere the names differ. All this was tried on Debian 12 and 13, and on no other system."; \
	exit 1; }
endef

deps: ## install what is needed to build and run (Debian, Ubuntu)
	$(call NEEDS_APT,$(PACKAGES))
	$(APT) update
	$(APT) install -y --no-install-recommends $(PACKAGES)

workshop-deps: ## install what is needed to go through the lessons
	$(call NEEDS_APT,$(WORKSHOP_PACKAGES))
	$(APT) update
	$(APT) install -y --no-install-recommends $(WORKSHOP_PACKAGES)

test-deps: ## install what is needed to test as well
	$(call NEEDS_APT,$(TEST_PACKAGES) chromium firefox-esr)
	$(APT) update
	$(APT) install -y --no-install-recommends $(TEST_PACKAGES)
	$(APT) install -y --no-install-recommends chromium || $(APT) install -y chromium-browser
	@$(MAKE) --no-print-directory tests/node_modules

bench-deps: ## install what is needed to measure as well
	$(call NEEDS_APT,$(TEST_PACKAGES) chromium firefox-esr $(BENCH_PACKAGES))
	@$(MAKE) --no-print-directory test-deps
	$(APT) install -y --no-install-recommends $(BENCH_PACKAGES)

# Without them, in a container that is being made, the packages above can be installed all the same.
-include tests/tests.mk lessons/lessons.mk
-include $(wildcard $(BUILD)/*.d $(BUILD)/tests/*/*.d)
