# make help lists what can be made. GNU make, any C11 compiler of the gcc or clang family.

CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion
# _GNU_SOURCE: for accept4, pthread_setname_np and pthread_cond_clockwait.
CPPFLAGS += -D_GNU_SOURCE -DCLIENT_DIRECTORY='"$(CURDIR)/client"'
ALL_CFLAGS = -std=c11 $(WARNINGS) $(CFLAGS) $(SANITIZE) -pthread
LIBS = -lmd -lb64

# BUILD is where objects go; another one makes a variant, see the sanitizer builds below.
BUILD ?= build/release
SERVER ?= server

PARTS = stream handshake frame
OBJECTS = $(PARTS:%=$(BUILD)/%.o)

.PHONY: all
all: $(SERVER) ## build ./server

$(SERVER): $(BUILD)/server.o $(OBJECTS)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/%.o: %.c Makefile | $(BUILD)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD):
	mkdir -p $@

-include $(wildcard $(BUILD)/*.d)
