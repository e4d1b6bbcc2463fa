/* Looks a name up as programs do, and prints the addresses in their order, or the error's number. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **words)
{
	struct addrinfo hints, *found, *each;
	char text[INET6_ADDRSTRLEN];
	int error;

	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = SOCK_STREAM;
	error = getaddrinfo(words[count - 1], "5900", &hints, &found);
	if (error) {
		printf("%d\n", error);
		return 0;
	}
	for (each = found; each; each = each->ai_next)
		puts(inet_ntop(each->ai_family,
		    each->ai_family == AF_INET
		        ? (void *)&((struct sockaddr_in *)each->ai_addr)->sin_addr
		        : (void *)&((struct sockaddr_in6 *)each->ai_addr)->sin6_addr,
		    text, sizeof text));
	return 0;
}
