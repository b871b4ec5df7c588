#include "abi.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

static char text[256];
static void got(const char *what, long n) {
  if (n < 0) show(what, n);
  else printf("%s: %ld [%.*s]\n", what, n, (int)n, text);
}
static short events(int fd, short wanted) {
  struct pollfd p = {fd, wanted, 0};
  poll(&p, 1, 0);
  return p.revents;
}

static void pairs(void) {
  int s[2], status;
  SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  SHOW(write(s[0], "hello", 5));
  SHOW(send(s[0], " world", 6, 0));
  SHOW(ioctl(s[1], FIONREAD, &status) == 0 && status == 11);
  got("peek", recv(s[1], text, 4, MSG_PEEK));
  got("recv", recv(s[1], text, sizeof text, 0));
  SHOW(recv(s[1], text, sizeof text, MSG_DONTWAIT));
  SHOW(events(s[1], POLLIN | POLLOUT));
  SHOW(shutdown(s[0], SHUT_WR));
  SHOW(events(s[1], POLLIN | POLLOUT | POLLRDHUP));
  SHOW(recv(s[1], text, sizeof text, 0));
  SHOW(send(s[0], "x", 1, MSG_NOSIGNAL));
  SHOW(write(s[1], "back", 4));
  got("the other way", recv(s[0], text, sizeof text, 0));
  SHOW(shutdown(s[0], 7));
  close(s[0]);
  SHOW(send(s[1], "x", 1, MSG_NOSIGNAL));
  SHOW(events(s[1], POLLIN | POLLOUT));
  SHOW(read(s[1], text, 1));
  close(s[1]);
  SHOW(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
  SHOW(send(s[0], "one", 3, 0));
  SHOW(send(s[0], "", 0, 0));
  SHOW(send(s[0], "three", 5, 0));
  got("one", recv(s[1], text, 2, 0));
  SHOW(recv(s[1], text, sizeof text, 0));
  SHOW(recv(s[1], text, 2, MSG_TRUNC));
  SHOW(recv(s[1], text, 2, MSG_DONTWAIT));
  close(s[0]);
  SHOW(send(s[1], "x", 1, MSG_NOSIGNAL));
  close(s[1]);
  SHOW(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s));
  SHOW(fcntl(s[0], F_GETFL) & O_NONBLOCK);
  SHOW(fcntl(s[0], F_GETFD));
  SHOW(send(s[0], "packet", 6, 0));
  SHOW(send(s[0], "two", 3, 0));
  got("packet", recv(s[1], text, sizeof text, 0));
  got("packet", recv(s[1], text, sizeof text, 0));
  SHOW(recv(s[1], text, 1, 0));
  close(s[0]), close(s[1]);
  SHOW(socketpair(AF_INET, SOCK_STREAM, 0, s));
  SHOW(socketpair(AF_UNIX, SOCK_STREAM, 5, s));
  SHOW(socketpair(AF_UNIX, 77, 0, s));
  SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)8));
  SHOW(socket(999, SOCK_STREAM, 0));
  SHOW(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
  SHOW(socket(AF_INET, SOCK_SEQPACKET, 0));
  int file = open("file", O_RDWR | O_CREAT, 0600);
  SHOW(send(file, "x", 1, 0));
  SHOW(send(99, "x", 1, 0));
  SHOW(accept(file, 0, 0));
}

static void rights(void) {
  int s[2], pipes[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  SHOW(pipe(pipes));
  union { char bytes[CMSG_SPACE(sizeof(int) * 2)]; struct cmsghdr align; } control;
  struct iovec part = {"f", 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  struct cmsghdr *c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int) * 2);
  memcpy(CMSG_DATA(c), pipes, sizeof pipes);
  SHOW(sendmsg(s[0], &message, 0));
  SHOW(send(s[0], "g", 1, 0));
  close(pipes[0]), close(pipes[1]);
  memset(&control, 0, sizeof control);
  part.iov_base = text, part.iov_len = sizeof text;
  message.msg_controllen = sizeof control.bytes;
  SHOW(recvmsg(s[1], &message, MSG_CMSG_CLOEXEC));
  c = CMSG_FIRSTHDR(&message);
  IS(c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int) * 2));
  int received[2];
  memcpy(received, CMSG_DATA(c), sizeof received);
  SHOW(fcntl(received[0], F_GETFD));
  SHOW(write(received[1], "through", 7));
  got("through what came", read(received[0], text, sizeof text));
  c->cmsg_len = 3;
  message.msg_controllen = sizeof control.bytes;
  SHOW(sendmsg(s[0], &message, 0));
  c->cmsg_len = CMSG_LEN(sizeof(int));
  message.msg_controllen = CMSG_SPACE(sizeof(int));
  *(int *)CMSG_DATA(c) = 500;
  SHOW(sendmsg(s[0], &message, 0));
  int on = 1;
  SHOW(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  got("rest", recv(s[1], text, sizeof text, 0));
  SHOW(send(s[0], "who", 3, 0));
  message.msg_controllen = sizeof control.bytes;
  SHOW(recvmsg(s[1], &message, 0));
  c = CMSG_FIRSTHDR(&message);
  struct ucred *who = c ? (struct ucred *)CMSG_DATA(c) : 0;
  IS(c && c->cmsg_type == SCM_CREDENTIALS && who->pid == getpid() && who->uid == getuid());
  struct ucred peer;
  socklen_t size = sizeof peer;
  SHOW(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &peer, &size));
  IS(peer.pid == getpid() && size == sizeof peer);
}

static void abstract(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX}, found;
  snprintf(address.sun_path + 1, 100, "sage-abi-%d", getpid());
  socklen_t size = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address.sun_path + 1), length = sizeof found;
  int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
  SHOW(connect(client, (void *)&address, size));
  SHOW(listen(listener, 1));
  SHOW(bind(listener, (void *)&address, size));
  SHOW(bind(listener, (void *)&address, size));
  SHOW(connect(client, (void *)&address, size));
  SHOW(listen(listener, 1));
  SHOW(connect(client, (void *)&address, size));
  SHOW(connect(client, (void *)&address, size));
  int server = accept(listener, (void *)&found, &length);
  IS(server >= 0 && length == 2);
  length = sizeof found;
  SHOW(getsockname(server, (void *)&found, &length));
  IS(length == size && !memcmp(&found, &address, size));
  SHOW(getpeername(client, (void *)&found, &length));
  IS(length == size && !memcmp(&found, &address, size));
  SHOW(write(client, "hi", 2));
  got("server", read(server, text, sizeof text));
  close(listener);
  SHOW(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, size));
  SHOW(sendto(socket(AF_UNIX, SOCK_DGRAM, 0), "x", 1, 0, (void *)&address, size));
  SHOW(read(client, text, -1));
  SHOW(getpeername(listener, (void *)&found, &length));
  SHOW(accept(client, 0, 0));
  SHOW(listen(client, 1));
}

static int tcp(struct sockaddr_in *address, int backlog) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  socklen_t size = sizeof *address;
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  OKAY(bind(listener, (void *)address, sizeof *address));
  OKAY(listen(listener, backlog));
  OKAY(getsockname(listener, (void *)address, &size));
  IS(size == sizeof *address && address->sin_port != 0 && address->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  return listener;
}

static void internet(void) {
  struct sockaddr_in address, peer, other = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size;
  int value, one = 1, listener = tcp(&address, 5), client = socket(AF_INET, SOCK_STREAM, 0);
  SHOW(events(client, POLLIN | POLLOUT));
  SHOW(getpeername(client, (void *)&peer, &size));
  SHOW(recv(client, text, 1, 0));
  SHOW(send(client, "x", 1, MSG_NOSIGNAL));
  SHOW(connect(client, (void *)&address, 3));
  SHOW(connect(client, (void *)&address, sizeof address));
  SHOW(connect(client, (void *)&address, sizeof address));
  size = sizeof peer;
  int server = accept4(listener, (void *)&peer, &size, SOCK_CLOEXEC);
  IS(server >= 0 && size == sizeof peer && peer.sin_family == AF_INET && peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  SHOW(fcntl(server, F_GETFD));
  struct sockaddr_in mine;
  size = sizeof mine;
  SHOW(getsockname(client, (void *)&mine, &size));
  IS(mine.sin_port == peer.sin_port);
  SHOW(send(client, "request", 7, 0));
  got("server", recv(server, text, sizeof text, 0));
  struct iovec parts[2] = {{"ans", 3}, {"wer", 3}};
  SHOW(writev(server, parts, 2));
  got("client, all", recv(client, text, 6, MSG_WAITALL));
  SHOW(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
  size = sizeof value;
  SHOW(getsockopt(client, IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0 && value == 1);
  SHOW(getsockopt(client, SOL_SOCKET, SO_TYPE, &value, &size) == 0 && value == SOCK_STREAM);
  SHOW(getsockopt(client, SOL_SOCKET, SO_DOMAIN, &value, &size) == 0 && value == AF_INET);
  SHOW(getsockopt(client, SOL_SOCKET, SO_PROTOCOL, &value, &size) == 0 && value == IPPROTO_TCP);
  SHOW(getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value == 1);
  SHOW(getsockopt(client, SOL_SOCKET, SO_ERROR, &value, &size) == 0 && value == 0);
  SHOW(getsockopt(client, SOL_SOCKET, 9999, &value, &size));
  SHOW(setsockopt(client, SOL_SOCKET, SO_REUSEADDR, &one, 1));
  SHOW(setsockopt(client, 999, 1, &one, sizeof one));
  struct timeval soon = {0, 10000};
  SHOW(setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon));
  SHOW(recv(client, text, 1, 0));
  SHOW(shutdown(client, SHUT_WR));
  SHOW(recv(server, text, 1, 0));
  SHOW(send(server, "still", 5, 0));
  got("client", recv(client, text, sizeof text, 0));
  close(server);
  SHOW(recv(client, text, 1, 0));
  SHOW(events(client, POLLIN | POLLOUT | POLLRDHUP));
  int again = socket(AF_INET, SOCK_STREAM, 0);
  SHOW(bind(again, (void *)&address, sizeof address));
  SHOW(bind(again, (void *)&address, 4));
  close(listener);
  int refused = socket(AF_INET, SOCK_STREAM, 0);
  SHOW(connect(refused, (void *)&address, sizeof address));
  refused = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  SHOW(connect(refused, (void *)&address, sizeof address));
  SHOW(events(refused, POLLOUT));
  SHOW(getsockopt(refused, SOL_SOCKET, SO_ERROR, &value, &size) == 0 && value == ECONNREFUSED);
  listener = tcp(&address, 5);
  int quick = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  SHOW(accept4(listener, 0, 0, 0x4));
  fcntl(listener, F_SETFL, O_NONBLOCK);
  SHOW(accept(listener, 0, 0));
  SHOW(connect(quick, (void *)&address, sizeof address));
  SHOW(events(quick, POLLOUT) & POLLOUT);
  SHOW(getsockopt(quick, SOL_SOCKET, SO_ERROR, &value, &size) == 0 && value == 0);
  SHOW(events(listener, POLLIN));
  OKAY(accept(listener, 0, 0));
  other.sin_addr.s_addr = htonl(0x0a000001);
  SHOW(bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&other, sizeof other));
  other.sin_family = AF_INET6;
  SHOW(connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&other, sizeof other));
}

static void datagrams(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, from;
  socklen_t size = sizeof address, length = sizeof from;
  int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
  SHOW(bind(a, (void *)&address, size));
  getsockname(a, (void *)&address, &size);
  SHOW(send(b, "x", 1, 0));
  SHOW(sendto(b, "datagram", 8, 0, (void *)&address, size));
  memset(&from, 0, sizeof from);
  got("a", recvfrom(a, text, sizeof text, 0, (void *)&from, &length));
  IS(from.sin_family == AF_INET && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && from.sin_port != 0);
  SHOW(sendto(a, "reply", 5, 0, (void *)&from, length));
  SHOW(connect(b, (void *)&address, size));
  got("b", recv(b, text, sizeof text, 0));
  SHOW(send(b, "connected", 9, 0));
  got("a, cut", recv(a, text, 4, MSG_TRUNC));
  SHOW(recv(a, text, 4, MSG_DONTWAIT));
  struct mmsghdr many[2] = {0};
  struct iovec parts[2] = {{"first", 5}, {"second", 6}};
  for (int i = 0; i < 2; i++) many[i].msg_hdr.msg_iov = &parts[i], many[i].msg_hdr.msg_iovlen = 1;
  SHOW(sendmmsg(b, many, 2, 0));
  IS(many[0].msg_len == 5 && many[1].msg_len == 6);
  char into[2][16];
  for (int i = 0; i < 2; i++) parts[i].iov_base = into[i], parts[i].iov_len = 16;
  SHOW(recvmmsg(a, many, 2, 0, 0));
  IS(many[0].msg_len == 5 && many[1].msg_len == 6);
  SHOW(listen(a, 1));
  SHOW(accept(a, 0, 0));
  SHOW(sendto(b, text, 70000, 0, (void *)&address, size));
  close(a);
  SHOW(send(b, "lost", 4, 0));
  SHOW(send(b, "told", 4, 0));
  address.sin_family = AF_UNSPEC;
  SHOW(connect(b, (void *)&address, size));
  SHOW(send(b, "x", 1, 0));
}

static void six(void) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}, peer;
  socklen_t size = sizeof address;
  int listener = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET6, SOCK_STREAM, 0);
  if (bind(listener, (void *)&address, size) != 0) {
    // Some machines have no ::1.
    for (int i = 0; i < 4; i++) puts("six: ok");
    return;
  }
  getsockname(listener, (void *)&address, &size);
  int good = listen(listener, 3) == 0 && connect(client, (void *)&address, sizeof address) == 0;
  puts(good ? "six: ok" : "six: bad");
  size = sizeof peer;
  int server = accept(listener, (void *)&peer, &size);
  puts(server >= 0 && size == sizeof peer && peer.sin6_family == AF_INET6 ? "six: ok" : "six: bad");
  puts(!memcmp(&peer.sin6_addr, &in6addr_loopback, 16) ? "six: ok" : "six: bad");
  puts(write(client, "6", 1) == 1 && read(server, text, 10) == 1 ? "six: ok" : "six: bad");
}

static void between(void) {
  struct sockaddr_in address;
  int listener = tcp(&address, 5);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    int server = accept(listener, 0, 0);
    long sum = 0, n;
    static char big[10000];
    while ((n = read(server, big, sizeof big)) > 0) sum += n;
    write(server, &sum, sizeof sum);
    _exit(0);
  }
  int client = socket(AF_INET, SOCK_STREAM, 0);
  SHOW(connect(client, (void *)&address, sizeof address));
  static char big[1000000];
  long sum = 0;
  SHOW(write(client, big, sizeof big));
  SHOW(shutdown(client, SHUT_WR));
  SHOW(read(client, &sum, sizeof sum));
  SHOW(sum);
  waitpid(pid, 0, 0);
  int s[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    close(s[0]);
    signal(SIGPIPE, SIG_DFL);
    read(s[1], text, 1);
    write(s[1], "x", 1);
    write(s[1], "x", 1);
    _exit(1);
  }
  close(s[1]);
  write(s[0], "g", 1);
  close(s[0]);
  int status;
  waitpid(pid, &status, 0);
  IS(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
}

int main(int argc, char **argv) {
  enter(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  pairs();
  rights();
  abstract();
  internet();
  datagrams();
  six();
  between();
}
