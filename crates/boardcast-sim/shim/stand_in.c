/* Stands in for the server in this crate's own tests: says where it listens, and ends when told to.
 * Its flags are "--listen ADDR --data PATH" and then, here, what to do. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void stop(int signal) {
    (void)signal;
    _exit(0);
}

int main(int count, char **words) {
    const char *task = count > 5 ? words[5] : "";
    if (!strcmp(task, "refuse")) {
        fprintf(stderr, "cannot open %s\n", words[4]);
        return 3;
    }
    signal(SIGTERM, stop);
    const char *port = getenv("STAND_IN_PORT");
    const char *given = strrchr(words[2], ':') + 1;
    printf("starting\nBoard is at http://localhost:%s/ now\n", port ? port : given);
    for (int line = 0; !strcmp(task, "chatter") && line < 20000; line++)
        printf("line %d\n", line);
    printf("ready\n");
    fflush(stdout);
    for (;;)
        pause();
}
