/*
 * The network interface of lwIP over the board's Ethernet controller. Its interrupt wakes
 * a task, which takes the frames.
 */
#include <string.h>

#include "lwip/etharp.h"
#include "lwip/netif.h"
#include "lwip/tcpip.h"
#include "netif/ethernet.h"

#include "FreeRTOS.h"
#include "task.h"

#include "board.h"
#include "iot_coap_board.h"
#include "rtos.h"

/* The controller's interrupt at the core, and the registers of the interrupt controller. */
#define ETHERNET_IRQ 13
#define NVIC_ENABLE (*(volatile uint32_t *)0xE000E100u)
#define NVIC_PRIORITY(irq) (*(volatile uint8_t *)(0xE000E400u + (irq)))

enum { STACK_BYTES = 1024, PRIORITY = configMAX_PRIORITIES - 2 };

/* As the emulator's network has it: the gateway, at .2, is the host. */
static const uint8_t hardware_address[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

static struct netif interface;
static TaskHandle_t receiver;
/* One for each direction, both used with the stack's lock. */
static uint8_t outgoing[ETHERNET_FRAME_MAX], incoming[ETHERNET_FRAME_MAX];

uint32_t network_random(void)
{
    uint32_t number = 0;

    (void)iot_coap_board_random((unsigned char *)&number, sizeof(number));
    return number;
}

static err_t send_frame(struct netif *netif, struct pbuf *frame)
{
    (void)netif;
    if (pbuf_copy_partial(frame, outgoing, sizeof(outgoing), 0) != frame->tot_len) {
        return ERR_BUF;
    }
    return ethernet_send(outgoing, frame->tot_len) == 0 ? ERR_OK : ERR_MEM;
}

static err_t set_up(struct netif *netif)
{
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    netif->mtu = 1500;
    netif->hwaddr_len = sizeof(hardware_address);
    memcpy(netif->hwaddr, hardware_address, sizeof(hardware_address));
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    return ethernet_start(hardware_address) == 0 ? ERR_OK : ERR_IF;
}

/* Hands one frame to the stack, whose lock is held; returns whether there was one. A frame
 * that there is no room for is lost. */
static int take_frame(void)
{
    size_t len = ethernet_receive(incoming, sizeof(incoming));
    struct pbuf *frame;

    if (len == 0) {
        return 0;
    }
    frame = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_POOL);
    if (frame != NULL) {
        (void)pbuf_take(frame, incoming, (u16_t)len);
        if (interface.input(frame, &interface) != ERR_OK) {
            pbuf_free(frame);
        }
    }
    return 1;
}

/* Unmasks before it looks: what comes after the last look interrupts again. */
static void receive(void *nothing)
{
    (void)nothing;
    for (;;) {
        int more;

        ethernet_interrupt_unmask();
        do {
            LOCK_TCPIP_CORE();
            more = take_frame();
            UNLOCK_TCPIP_CORE();
        } while (more);
        (void)ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    }
}

/* Of firmware/board/start.c's vectors. */
void board_ethernet_interrupt(void)
{
    BaseType_t is_woken = pdFALSE;

    ethernet_interrupt_mask();
    vTaskNotifyGiveFromISR(receiver, &is_woken);
    portYIELD_FROM_ISR(is_woken);
}

int network_start(void)
{
    ip4_addr_t address, mask, gateway;
    struct netif *added;

    IP4_ADDR(&address, 10, 0, 2, 15);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 10, 0, 2, 2);
    tcpip_init(NULL, NULL);
    LOCK_TCPIP_CORE();
    added = netif_add(&interface, &address, &mask, &gateway, NULL, set_up, ethernet_input);
    if (added != NULL) {
        netif_set_default(&interface);
        netif_set_link_up(&interface);
        netif_set_up(&interface);
    }
    UNLOCK_TCPIP_CORE();
    if (added == NULL || xTaskCreate(receive, "ether", STACK_BYTES / sizeof(StackType_t), NULL,
                                     PRIORITY, &receiver) != pdPASS) {
        return -1;
    }
    NVIC_PRIORITY(ETHERNET_IRQ) = configMAX_SYSCALL_INTERRUPT_PRIORITY;
    NVIC_ENABLE = 1u << ETHERNET_IRQ;
    return 0;
}
